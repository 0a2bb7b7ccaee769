"""`headwater-cloud sinks` and `headwater-cloud sink …`: who gets the messages, and who does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.cli.common import ConfigPath, load_or_exit, note, operator
from cloud.cli.owner import make_data_dir
from host.terminal import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cloud.config import CloudConfig

sink = typer.Typer(no_args_is_help=True, help="Consumers of the warning messages: switch off and on, try again, test.")

SinkName = Annotated[str, typer.Argument(help="As in `delivery:` of the configuration.", show_default=False)]


def sinks(config: ConfigPath) -> None:
    """How every sink is, and what its consumer refused, as JSON lines. From the ledger: the cloud need not run."""
    from cloud.delivery.record import Record, set_aside
    from cloud.delivery.removed import removed
    from cloud.delivery.state import SinkMode
    from contract.clock import SystemClock, iso

    found = load_or_exit(config)
    with _ledger(found) as ledger:
        for s in found.file.delivery:
            record = Record(ledger, s.name)
            counts, switches = record.counts(), record.switches()
            off = switches.off or ("" if s.enabled else "switched off in the configuration")
            mode = SinkMode.OFF if off else SinkMode.GONE if switches.gone else SinkMode.WORKING
            waiting, failing = record.waiting()
            if mode is SinkMode.WORKING and failing:
                mode = SinkMode.FAILING
            line: dict[str, Any] = {"name": s.name, "state": mode.value, "trouble": off or switches.gone or failing}
            line |= {"delivered": counts.delivered, "waiting": waiting, **counts.noted}
            line |= {"last_success": None if counts.last_ms is None else iso(counts.last_ms)}
            refused = [
                {"message": a.message, "attempts": a.attempts, "at": iso(a.at_ms), "why": a.why}
                for a in set_aside(ledger, s.name)
            ]
            say(json.dumps({**line, "refused": refused}))
        now_ms = SystemClock().now_ms()
        for r in removed(ledger, [s.name for s in found.file.delivery], now_ms):
            say(json.dumps({"name": r.sink, "state": "removed", "trouble": r.trouble(now_ms)}))


@sink.command()
def off(name: SinkName, config: ConfigPath) -> None:
    """Send nothing to a consumer until `on`. A running cloud heeds it within a second."""
    from cloud.delivery.record import switch

    with _known(config, name) as (found, ledger, now_ms):
        note(found, "sink.off", name)
        switch(ledger, name, operator(), now_ms)
    say(f"{name} is off: it gets nothing until `headwater-cloud sink on {name}`")


@sink.command()
def on(name: SinkName, config: ConfigPath) -> None:
    """Send to a consumer again: it gets what is in force. A running cloud heeds it within a second."""
    from cloud.delivery.record import switch

    with _known(config, name) as (found, ledger, now_ms):
        note(found, "sink.on", name)
        switch(ledger, name, None, now_ms)
    say(f"{name} is on: it gets what is in force")


@sink.command()
def retry(name: SinkName, config: ConfigPath) -> None:
    """Try all that is in force and not delivered at once, what the consumer refused too."""
    from cloud.delivery.record import ask_again

    with _known(config, name) as (found, ledger, _):
        note(found, "sink.retry", name)
        ask_again(ledger, name)
    say(f"{name}: what is in force and not delivered is tried again within a second, or at the cloud's next start")


@sink.command()
def rename(
    old: Annotated[str, typer.Argument(help="Its name before.", show_default=False)], name: SinkName, config: ConfigPath
) -> None:
    """Carry over what a consumer was told, when it has another name in the configuration. The cloud must be stopped."""
    from cloud.delivery.removed import AlreadyBegun
    from cloud.delivery.removed import rename as carry_over

    with _known(config, name) as (found, ledger, _):
        if old in [s.name for s in found.file.delivery]:
            say(f"{old} is in the configuration itself: give it its new name there first", err=True)
            raise typer.Exit(2)
        try:
            count = carry_over(ledger, old, name)
        except AlreadyBegun:
            say(f"{name} has deliveries of its own: what {old} was told cannot be carried over", err=True)
            raise typer.Exit(1) from None
        if not count:
            say(f"nothing is known of a sink {old!r}", err=True)
            raise typer.Exit(2)
        note(found, "sink.rename", f"{old} {name}")
    say(f"{name} goes on where {old} was: {count} deliveries")


@sink.command()
def test(
    name: SinkName,
    config: ConfigPath,
    public: Annotated[bool, typer.Option("--public", help="Yes, though the public will read it.")] = False,
) -> None:
    """Send a test message to a consumer now, and say what it answers. It is no warning, and nothing is kept of it."""
    from zoneinfo import ZoneInfo

    from cloud.delivery.base import GivenUp, NotDelivered, Refused, TakesNotices
    from cloud.delivery.notice import test_of
    from contract.clock import SystemClock

    with _known(config, name) as (found, _, _):
        note(found, "sink.test", name)
    settings = next(s for s in found.file.delivery if s.name == name)
    if settings.public and not public:
        say(f"{name} is public: people would read the test; write --public if they are to", err=True)
        raise typer.Exit(2)
    catalogue = found.catalogue
    zone = ZoneInfo(catalogue.district.time_zone)
    notice = test_of(name, catalogue.response_plan.sender, SystemClock().now_ms(), zone, "asked for by a person")
    made = settings.make(found.base, found.file.egress.rules())
    try:
        if not isinstance(made, TakesNotices):
            say(f"{name} is of a kind that takes warnings alone: it cannot be tested", err=True)
            raise typer.Exit(2)
        say(f"{name} has {notice.id}: {made.notify(notice)}")
    except (NotDelivered, Refused, GivenUp) as error:
        say(f"{name} does not take {notice.id}: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        made.close()


@contextmanager
def _ledger(found: CloudConfig) -> Iterator[Engine]:
    from cloud.ledger.open import open_ledger

    make_data_dir(found.data_dir)
    ledger = open_ledger(found.ledger_url)
    try:
        yield ledger
    finally:
        ledger.dispose()


@contextmanager
def _known(config: ConfigPath, name: str) -> Iterator[tuple[CloudConfig, Engine, int]]:
    """The ledger and the time, once it is sure that there is such a sink."""
    from contract.clock import SystemClock

    found = load_or_exit(config)
    names = [s.name for s in found.file.delivery]
    if name not in names:
        say(f"no sink {name!r} in the configuration: {', '.join(names) or 'there is none'}", err=True)
        raise typer.Exit(2)
    with _ledger(found) as ledger:
        yield found, ledger, SystemClock().now_ms()
