"""`headwater-cloud cap`: what the messages say, and whether a message is sound."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cloud.cli.common import ConfigPath, load_or_exit
from host.terminal import say, shown

cap = typer.Typer(no_args_is_help=True, help="CAP messages: what ours say, and whether any message is sound.")
_TIMEOUT_S = 20.0


class Profile(StrEnum):
    """Consumers whose further rules can be checked."""

    GOOGLE = "google"
    IPAWS = "ipaws"


@cap.command()
def check(
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="A CAP message or a feed of them; - for stdin.")],
    profile: Annotated[list[Profile] | None, typer.Option(help="Also by the rules of this consumer.")] = None,
    area: Annotated[
        str | None,
        typer.Option(
            metavar="SOUTH,WEST,NORTH,EAST",
            help="In degrees: every polygon and circle is to lie in it. Finds lon,lat where both are below 90.",
        ),
    ] = None,
) -> None:
    """Everything wrong with a CAP 1.2 message, a line each; exits 1 when there is something, 2 when none was read."""
    from cloud.cap.check import check as faults_of
    from cloud.cap.whereabouts import Box

    try:
        box = None if area is None else Box.parse(area)
    except ValueError as error:
        _unread(f"--area {error}")
    found = faults_of(_read(source), [p.value for p in profile or ()], box)
    for fault in found:
        say(shown(str(fault), lines=False))
    if found:
        raise typer.Exit(1)
    say("good: no fault found")


def _read(source: str) -> bytes:
    from cloud.cap.check import MAX_BYTES
    from host.files import read_given

    if source.startswith(("http://", "https://")):
        return _fetch(source, MAX_BYTES + 1)
    try:
        if source == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        return read_given(Path(source), MAX_BYTES)
    except OSError as error:
        _unread(f"{source} cannot be read: {error.strerror}")


def _fetch(url: str, most: int) -> bytes:
    import httpx2

    data = bytearray()
    try:
        with httpx2.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as answer:
            if answer.status_code != 200:
                _unread(f"{url} answers {answer.status_code}: give the address of a message")
            for part in answer.iter_bytes():
                data += part
                if len(data) >= most:
                    break
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        _unread(f"{url} cannot be read: {error or type(error).__name__}")
    return bytes(data)


def _unread(what: str) -> NoReturn:
    say(what, err=True)
    raise typer.Exit(2)


@cap.command()
def preview(
    config: ConfigPath,
    zone: Annotated[str | None, typer.Option(help="A zone's id; the first where none is given.")] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for the messages as XML files.")] = None,
) -> None:
    """What the messages of the district would say in typical situations, in each of its languages."""
    from cloud.warnings.readable import readable
    from cloud.warnings.situations import written
    from contract.clock import SystemClock

    found = load_or_exit(config, asks_data=False)
    catalogue = found.catalogue
    chosen = zone or next(iter(catalogue.zones))
    if chosen not in catalogue.zones:
        _unread(f"no zone {chosen!r}: there are {', '.join(catalogue.zones)}")
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _unread(f"{out} cannot be made: {error.strerror}")
    for n, (name, message) in enumerate(written(catalogue, found.file.warnings, chosen, SystemClock().now_ms()), 1):
        say(f"## {n}. {name}\n")
        say(readable(message.cap_xml))
        if out is not None:
            _keep(out / f"{n:02}-{'-'.join(name.split()).strip('()')}.xml", message.cap_xml)


def _keep(path: Path, body: bytes) -> None:
    from host.files import put

    try:
        put(path, body)
    except OSError as error:
        _unread(f"{path} cannot be written: {error.strerror}")
