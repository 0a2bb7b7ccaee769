"""What the columns of a table to import are: the file that is given as `--mapping`, and the channels that it names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.documents import Document
from contract.readings import Flag
from contract.refusing import refusal
from contract.settings_model import SettingsModel, Some

Column = Annotated[str, Field(min_length=1, max_length=256)]
FlagWord = Literal["pass", "not_evaluated", "suspect", "fail", "missing"]


def _format(text: str) -> str:
    moment = datetime(2021, 7, 20, 16, 5)
    try:
        read = datetime.strptime(moment.strftime(text), text)
    except ValueError:
        read = None
    if read is None or read.date() != moment.date():
        raise refusal(f"{text!r} does not name a day and a time: write e.g. '%d.%m.%Y %H:%M'")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise refusal(f"there is no time zone {name!r}: write e.g. Asia/Shanghai or UTC") from None
    return name


class TimeMapping(SettingsModel):
    """columns: one, or a date and a time, joined by a blank. format: as Python's strptime has it; without it ISO 8601.

    zone: of times that do not name one themselves. ambiguous: which of the two it is when clocks went back.
    """

    columns: Some[Column]
    format: Annotated[str, AfterValidator(_format)] | None = None
    zone: Annotated[str, AfterValidator(_zone)]
    ambiguous: Literal["refuse", "earlier", "later"] = "refuse"


class ChannelMapping(SettingsModel):
    """value in the channel's unit = number in the column * factor + offset. channel: its number or its name.

    flag_column: holds words that `flag_words` explains.
    """

    column: Column
    channel: int | str
    factor: float = 1.0
    offset: float = 0.0
    flag_column: Column | None = None


class Mapping(SettingsModel):
    """missing: what stands for a reading that failed; an empty cell is no reading. flags: by the tests of the
    catalogue, or none but those of `flag_column`."""

    time: TimeMapping
    channels: Some[ChannelMapping]
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal_comma: bool = False
    missing: tuple[str, ...] = ()
    flags: Literal["computed", "given"] = "computed"
    flag_words: dict[str, FlagWord] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.decimal_comma and self.separator == ",":
            raise refusal("decimal_comma needs another separator than ',': such tables have ';'")
        if self.separator in '"\r\n\0':
            raise refusal("the separator cannot be a quote or the end of a line")
        with_flags = [c for c in self.channels if c.flag_column]
        if with_flags and (self.flags == "computed" or not self.flag_words):
            raise refusal("flag_column needs `flags: given`, and flag_words to say what its words mean")
        if any(c.factor == 0 for c in self.channels):
            raise refusal("a factor of 0 would make every value the same")
        return self


def flag_of(word: FlagWord) -> Flag:
    return Flag[word.upper()]


def channels_of(mapping: Mapping, catalogue: Catalogue, document: Document) -> list[ChannelInfo]:
    """Of each column its channel. What is wrong becomes a mistake of the document."""
    by_name: dict[str, list[ChannelInfo]] = {}
    for info in catalogue.channels.values():
        by_name.setdefault(info.name, []).append(info)
    out: list[ChannelInfo] = []
    for i, one in enumerate(mapping.channels):
        known = [catalogue.channels[one.channel]] if one.channel in catalogue.channels else []  # type: ignore[index]
        found = known if isinstance(one.channel, int) else by_name.get(one.channel, [])
        where = ("channels", i, "channel")
        if not found:
            document.mistakes.append(document.mistake(where, f"there is no channel {one.channel}: see /v1/channels"))
        elif len(found) > 1:
            numbers = ", ".join(str(c.id) for c in found)
            document.mistakes.append(
                document.mistake(where, f"{one.channel} names several channels: give its number, one of {numbers}")
            )
        elif found[0] in out:
            document.mistakes.append(document.mistake(where, f"channel {one.channel} has a column already"))
        else:
            out.append(found[0])
    return out
