"""Whether a rule watches what its detector can judge, and says it once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from contract.catalogue.catalogue import ChannelInfo, Watch
from contract.catalogue.detectors import RateOfRiseSettings
from contract.catalogue.quantities import Quantity, QuantityKind
from contract.catalogue.rules import Rule

Found = Iterator[tuple[tuple[str | int, ...], str]]  # where in the rule, and what is wrong

LEAST_DEPTH_M = 0.01  # ultrasonic sensors err by as much, up and down
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


def waits_longer_than_evidence_holds(watch: Watch, _channels: Mapping[int, ChannelInfo]) -> Found:
    """An on-delay during which the readings that began it are no longer believed: no level would be reached by them."""
    rule = watch.rule
    if rule.on_delay_s >= rule.stale_after_s:
        what = (
            f"rule {rule.id!r}: on_delay_s {rule.on_delay_s:g} is no shorter than stale_after_s {rule.stale_after_s:g}"
        )
        yield ("on_delay_s",), f"{what}, after which a reading is not believed: write a shorter on_delay_s"


def rises_from_where_nothing_reads(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A floor of depth at or above what a channel can read: its rise would never be looked at."""
    rule = watch.rule
    if rule.detector != "rate_of_rise":
        return
    floor_m = RateOfRiseSettings.model_validate(rule.settings).floor_m
    for channel in (channels[c] for c in watch.channels if c in channels):
        may_read = channel.quality.fail_range
        if may_read is not None and floor_m >= may_read[1]:
            what = f"rule {rule.id!r}: below floor_m {floor_m:g} nothing rises, and channel {channel.id} reads"
            yield ("settings",), f"{what} {may_read[1]:g} m at most (its `quality.fail_range`): write a lower floor_m"
            return


def within_noise(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A depth that no level sensor tells from a dry road."""
    rule, lowest_m = watch.rule, min(watch.rule.levels.values())
    if rule.detector != "threshold" or not 0 <= lowest_m < LEAST_DEPTH_M:
        return
    for channel in (channels[c] for c in watch.channels if c in channels):
        if channel.quantity is Quantity.DEPTH:
            what = f"rule {rule.id!r}: a level of {lowest_m * 1000:g} mm is within the noise of any level sensor"
            yield ("levels",), f"{what}, channel {channel.id}'s too: write {LEAST_DEPTH_M:g} m or more"
            return


def said_twice(rules: Sequence[Rule]) -> Found:
    """Rules that differ in nothing but their names: whoever alters one of them would leave the other as it was."""
    first: dict[str, str] = {}
    for r, rule in enumerate(rules):
        says = repr((rule.model_dump(exclude={"id"}), sorted(q.value for q in rule.quantities)))
        same = first.setdefault(says, rule.id)
        if same != rule.id:
            yield ("rules", r, "id"), f"rule {rule.id!r} says the same as rule {same!r}: take one of them out"
