"""What stands between raw bytes and any decoder: a file, a word, a request; and the district they are about."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from contract.catalogue.catalogue import Catalogue
from contract.documents import ConfigError, validate
from host.district_folder import load
from host.yaml_config import read_yaml

NOW_MS = 1_626_768_000_000
SMALL = Path(__file__).parents[1] / "districts" / "small"
Run = Callable[[bytes], object]


@cache
def scratch() -> Path:
    """A folder of this process, in memory where the machine has such; it goes with the process."""
    shm = Path("/dev/shm")
    found, mine = Path(tempfile.mkdtemp(prefix="headwater-fuzz-", dir=shm if shm.is_dir() else None)), os.getpid()
    atexit.register(lambda: shutil.rmtree(found, ignore_errors=True) if os.getpid() == mine else None)
    return found


def sweep() -> None:
    if scratch.cache_info().currsize:
        shutil.rmtree(scratch(), ignore_errors=True)
        scratch.cache_clear()


@cache
def small() -> Catalogue:
    return load(SMALL)


def text(run: Callable[[str], object]) -> Run:
    """The words as MQTT, HTTP and a shell hand them over: UTF-8; what is not, no decoder ever sees."""
    return lambda data: run(data.decode(errors="replace"))


def file(run: Callable[[Path], object], name: str) -> Run:
    def through(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        return run(path)

    return through


def yaml(model: Any, choices: Any = None) -> Run:
    def shaped(path: Path) -> object:
        document = read_yaml(path)
        found = validate(document, model, choices)
        if found is None or document.mistakes:
            raise ConfigError(document.mistakes)
        return found

    return file(shaped, "config.yaml")


def catalogue(data: bytes) -> object:
    """The small district with one of its files replaced; the first byte says which."""
    folder = scratch() / "district"
    if not folder.is_dir():
        shutil.copytree(SMALL, folder)
    names = ("district.yaml", "gateways.yaml", "rules.yaml", "response_plan.yaml", "devices/level.yaml")
    bent = folder / names[(data[0] if data else 0) % len(names)]
    whole = bent.read_bytes()
    bent.write_bytes(data[1:])
    try:
        found = load(folder)
        assert found.channels_by_gateway is not None
        return found.rules_by_channel
    finally:
        bent.write_bytes(whole)


def request(data: bytes) -> object:
    from tests.fuzz import api

    return api.request(data)


def fresh(name: str) -> Path:
    """A path in a folder emptied for it: what an earlier damage left aside must not fill the disk."""
    folder = scratch() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder / name
