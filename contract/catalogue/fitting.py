"""Whether a rule watches what its detector can judge, and says it once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from contract.catalogue.catalogue import ChannelInfo, Watch
from contract.catalogue.detectors import RateOfRiseSettings
from contract.catalogue.quantities import Quantity, QuantityKind
from contract.catalogue.rules import Rule

Found = Iterator[tuple[tuple[str | int, ...], str]]  # where in the rule, and what is wrong

_STOOD_BEFORE = 2  # points of a value that stood before the window: where its hold began and where it ended


def not_taken(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """Channels by name that measure what the detector knows nothing of: it would find values that mean nothing."""
    rule, takes = watch.rule, watch.rule.definition.takes
    for n, channel in enumerate(rule.channels):
        info = channels.get(channel)
        if takes is not None and info is not None and info.quantity not in takes:
            known = ", ".join(sorted(q.value for q in takes))
            what = f"rule {rule.id!r}: channel {channel} measures {info.quantity.value}, of which {rule.detector}"
            yield ("channels", n), f"{what} knows nothing: name channels of {known}"


def counts_on(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A level of a counter's total, which goes on rising: once reached it always stands."""
    rule = watch.rule
    if rule.detector != "threshold":
        return
    for channel in (channels[c] for c in watch.channels if c in channels):
        if channel.quantity.kind is QuantityKind.COUNTER:
            rain = channel.quantity is Quantity.RAIN_TOTAL
            mend = "for rain within a time write `detector: rain_window`" if rain else "take this rule out"
            what = f"rule {rule.id!r}: channel {channel.id} counts {channel.quantity.value}, a total that only rises"
            yield ("levels",), f"{what}: once reached, a level would always stand; {mend}"
            return


def never_points_enough(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A slope that wants more readings than its window can hold is never known."""
    rule = watch.rule
    if rule.detector != "rate_of_rise":
        return
    own = RateOfRiseSettings.model_validate(rule.settings)
    for channel in (channels[c] for c in watch.channels if c in channels):
        most = int(own.window_s / channel.period_s) + 1 + _STOOD_BEFORE
        if most < own.least_points:
            what = f"rule {rule.id!r} wants {own.least_points} readings within {own.window_s:g} s, and channel"
            longer_s = (own.least_points - 1) * channel.period_s
            mend = f"write a window_s of {longer_s:g} or more, or fewer least_points"
            yield ("settings",), f"{what} {channel.id} is read every {channel.period_s:g} s: {mend}"
            return


def said_twice(rules: Sequence[Rule]) -> Found:
    """Rules that differ in nothing but their names: whoever alters one of them would leave the other as it was."""
    first: dict[str, str] = {}
    for r, rule in enumerate(rules):
        says = repr((rule.model_dump(exclude={"id"}), sorted(q.value for q in rule.quantities)))
        same = first.setdefault(says, rule.id)
        if same != rule.id:
            yield ("rules", r, "id"), f"rule {rule.id!r} says the same as rule {same!r}: take one of them out"
