"""One value of a Modbus device in a device file: where it stands, how it becomes a number, and when it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from contract.catalogue.channel_settings import Quality
from contract.catalogue.devices import Register, WholeNumber
from contract.catalogue.instruments import Fraction, Scale
from contract.catalogue.quantities import Quantity, QuantityKind
from contract.refusing import Place, refusals
from contract.settings_model import Some
from firmware_bridge.counter_settings import counter_trouble, total_trouble
from firmware_bridge.raw_numbers import CodeList, RawNumber, Span, span
from firmware_bridge.register_types import RegisterType, Table

_COUNTS_RAIN = (Quantity.RAIN_TOTAL, Quantity.RAIN_EVENT)


class Beside(RawNumber):
    """A raw number that stands beside a register's own. table: None, that of the register."""

    table: Table | None = None


class Part(Beside):
    """A part of a sum. weight: what it is multiplied by, such as 10000 for the high half of a decimal counter."""

    weight: Fraction = 1.0


class ScaleFrom(Beside):
    """A scale that the device itself tells: raw x scale x factor + offset.

    The factor is what `factors` says of the raw number here (a code for the unit), or 10 to its power, or itself.
    """

    factors: dict[WholeNumber, Scale] = Field(default_factory=dict)
    power_of_ten: bool = False


class Condition(Beside):
    """What a word beside the value must say for it to hold: one of the `good` codes, or none of the `bad` ones."""

    good: CodeList = ()
    bad: CodeList = ()


class ModbusRegister(Register, RawNumber):
    """One value a device offers, and how its words become a number.

    value = raw x scale + offset, placed (`Register.placed`), rounded to `decimals`. raw: see `RawNumber`; with `parts`
    the sum of weight x raw of each. values: raw -> what it means, instead of scaling; a raw number that is not there is
    `other`, and without that no reading. valid_if: all of them must hold, else there is no reading. counts: of rain,
    whether the device counts tips or mm. read_alone: never together with others.
    """

    table: Table = Table.HOLDING
    scale: Scale = 1.0
    offset: Fraction = 0.0
    decimals: Annotated[WholeNumber, Field(ge=0, le=9)] = 3
    read_alone: bool = False
    parts: Some[Part] | None = None
    values: dict[WholeNumber, float] | None = None
    other: float | None = None
    scale_from: ScaleFrom | None = None
    valid_if: tuple[Condition, ...] = ()
    counts: Literal["tips", "mm"] | None = None

    @property
    def _counts_rain(self) -> bool:
        return self.quantity in _COUNTS_RAIN

    @property
    def step(self) -> float:
        """One raw unit."""
        return abs(self.scale)

    def numbers(self) -> list[tuple[RawNumber, Table]]:
        """The raw numbers that make the value, each with its table: its own, or its parts."""
        return [(p, p.table or self.table) for p in self.parts] if self.parts is not None else [(self, self.table)]

    def spans(self) -> list[Span]:
        """Everything that must be read for it, by table and address. Parts side by side must come in one reply, so
        that a counter does not move on between its halves."""
        own = sorted(span(number, table) for number, table in self.numbers())
        out: list[Span] = []
        for s in own:
            last = out[-1] if out else None
            if last is not None and last.table is s.table and s.address <= last.end:
                out[-1] = Span(s.table, last.address, max(last.end, s.end) - last.address)
            else:
                out.append(s)
        also = [*self.valid_if, *([self.scale_from] if self.scale_from is not None else [])]
        return sorted({*out, *(span(b, b.table or self.table) for b in also)})

    @property
    def raw_limits(self) -> tuple[int, int] | None:
        """The least and the greatest raw number that can come; None where that is not known."""
        if self.parts is not None or self.kind.floating or self.values is not None or self.scale_from is not None:
            return None
        if self.table.of_bits or self.bit is not None:
            return 0, 1
        if self.mask is None and not self.shift:
            return self.kind.raw_range
        width = (self.mask.bit_length() if self.mask is not None else self.kind.bits) - self.shift
        return (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if self.kind.signed else (0, 2**width - 1)

    def quality_trouble(self, quality: Quality) -> list[tuple[Place, str]]:
        """See `Register.quality_trouble`: a wrap that the type never reaches, tips that the scale cannot show, and a
        range in which no value can lie."""
        found: list[tuple[Place, str]] = []
        if quality.rain_gauge is not None:
            found += counter_trouble(quality.rain_gauge, self)
        if quality.counter is not None and (self.quantity.kind is not QuantityKind.COUNTER or self._counts_rain):
            what = f"{self.quantity.value} is no total of hours or starts: of rain say rain_gauge, of others neither"
            found.append((("counter",), what))
        elif quality.counter is not None:
            found += total_trouble(quality.counter, self)
        limits = self.raw_limits
        if limits is not None:
            ends = sorted(self.placed(raw * self.scale + self.offset) for raw in limits)
            for key in ("fail_range", "suspect_range"):
                lies = getattr(quality, key)
                if lies is not None and (lies[0] > ends[1] or lies[1] < ends[0]):
                    what = (
                        f"no value can lie from {lies[0]:g} to {lies[1]:g}: a {self.type} with this scale and offset "
                        f"gives {ends[0]:g} to {ends[1]:g}"
                    )
                    found.append(((key,), what))
        return found

    def _told(self, own: dict[str, Any]) -> dict[str, Any]:
        tip_mm = own.pop("tip_mm", None)
        if tip_mm is None:
            return super()._told(own)
        if not self._counts_rain:
            raise refusals("Instrument", [(("tip_mm",), f"{self.name!r} is {self.quantity.value}: it counts no tips")])
        gauge = self.quality.rain_gauge
        if self.counts is None and (gauge is None or gauge.tip_mm == self.scale):
            what = f"does {self.name!r} count tips or mm? Say so in the device file: counts: tips, or counts: mm"
            raise refusals("Instrument", [(("tip_mm",), what)])
        told = super()._told(own)
        if self.counts == "tips":
            told["scale"] = tip_mm
        if gauge is not None:
            said = gauge.model_dump(exclude_unset=True) | {"tip_mm": tip_mm}
            if self.counts == "tips" and gauge.wraps_at_mm is not None:
                said["wraps_at_mm"] = gauge.wraps_at_mm * tip_mm / gauge.tip_mm
            told["quality"] = self.quality.model_dump(exclude_unset=True) | {"rain_gauge": said}
            if round(tip_mm, self.decimals) != tip_mm:  # a bucket of 0.254 mm in a file that was written for 0.2
                told["decimals"] = next((d for d in range(9) if round(tip_mm, d) == tip_mm), 9)
        return told

    @model_validator(mode="after")
    def _fits_together(self) -> ModbusRegister:
        found = [*self._table_mistakes(), *self._values_mistakes(), *self._meaning_mistakes()]
        found += [(("quality", *place), what) for place, what in self.quality_trouble(self.quality)]
        if found:
            raise refusals("ModbusRegister", found)
        return self

    def _table_mistakes(self) -> Iterator[tuple[Place, str]]:
        """Of every number here with the table in which it stands."""
        if self.parts is not None:
            own = [key for key in ("address", *_OF_THE_WORDS) if key in self.model_fields_set]
            if own:
                yield (own[0],), f"a register with parts has no {own[0]} of its own: say it of the parts"
        for place, number in self._everything():
            table = getattr(number, "table", None) or self.table
            if table.of_bits and number.type.words > 1:
                what = f"a {table.value} holds one bit, no {number.type}: say bit, or name another table"
                yield (*place, "type"), what
            elif table.of_bits:
                cut = [key for key in ("half", "bit", "mask", "shift") if key in number.model_fields_set]
                if cut:
                    yield (*place, cut[0]), f"a {table.value} holds one bit: {cut[0]} is for a word of holding or input"
            elif number.type is RegisterType.BIT and number.bit is None:
                what = (
                    f"a register of table {table.value} is a word of 16 bits: say which with bit: 0 to 15, "
                    "or name table coil or discrete"
                )
                yield (*place, "type"), what

    def _values_mistakes(self) -> Iterator[tuple[Place, str]]:
        if self.values is not None:
            if not self.values:
                yield ("values",), "the table is empty: say what each raw value means, such as {0: 0, 2: 1}"
            if self.parts is None and self.kind.floating:
                yield ("values",), f"a {self.type} has no codes to name: values are for whole types"
            limits = (0, 1) if self.table.of_bits else self.kind.raw_range
            if self.parts is None and limits is not None and self.bit is None and self.mask is None and not self.shift:
                for code in self.values:
                    if not limits[0] <= code <= limits[1]:
                        yield ("values", code), f"a {self.type} is never {code}: it holds {limits[0]} to {limits[1]}"
            for key in ("scale", "offset", "scale_from"):
                if key in self.model_fields_set:
                    yield (key,), f"values say what each raw value means, so {key} does nothing: leave one of them out"
        elif self.other is not None:
            yield ("other",), "other is for raw values that `values` does not name: there are no values here"

    def _meaning_mistakes(self) -> Iterator[tuple[Place, str]]:
        if self.scale_from is not None and self.scale_from.factors and self.scale_from.power_of_ten:
            yield ("scale_from", "power_of_ten"), "a factor is either looked up or a power of ten: leave one out"
        for n, condition in enumerate(self.valid_if):
            if bool(condition.good) == bool(condition.bad):
                yield ("valid_if", n), "say which codes are good: [...], or which are bad: [...], one of the two"
        if self.counts is not None and not self._counts_rain:
            yield ("counts",), f"counts says what a rain gauge counts, and {self.quantity.value} is no rain"

    def _everything(self) -> Iterator[tuple[Place, RawNumber]]:
        if self.parts is None:
            yield (), self
        for n, part in enumerate(self.parts or ()):
            yield ("parts", n), part
        if self.scale_from is not None:
            yield ("scale_from",), self.scale_from
        for n, condition in enumerate(self.valid_if):
            yield ("valid_if", n), condition


_OF_THE_WORDS = ("type", "order", "half", "bit", "mask", "shift", "missing_raw")
