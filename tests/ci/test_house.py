"""The rules of the house find what they are there to find, in small houses made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci.scripts import loaded

house = loaded("house")


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in (path.parent, *path.parent.parents):
            if folder == root:
                break
            (folder / "__init__.py").touch()
    return root


def circles(root: Path) -> list[str]:
    return list(house.circle_faults(house.read(root)))


def test_a_circle_of_files_is_found_however_it_is_closed(tmp_path):
    build(
        tmp_path,
        {
            "cloud/a.py": "from cloud import b\n",
            "cloud/b.py": "def f():\n    from cloud.c import x\n",
            "cloud/c.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cloud.a\nx = 1\n",
            "cloud/d.py": "from cloud.a import b\n",
        },
    )
    assert circles(tmp_path) == ["cloud/a.py:1: a circle of imports: cloud.a, cloud.b, cloud.c"]


def test_a_circle_of_folders_is_found_though_no_files_make_one(tmp_path):
    build(
        tmp_path,
        {
            "cloud/x/one.py": "from cloud.y.one import a\n",
            "cloud/x/two.py": "b = 1\n",
            "cloud/y/one.py": "a = 1\n",
            "cloud/y/two.py": "from cloud.x.two import b\n",
        },
    )
    assert circles(tmp_path) == ["cloud/x/one.py:1: a circle of folders: cloud.x, cloud.y"]


def test_imports_one_way_are_no_circle(tmp_path):
    build(tmp_path, {"cloud/x/one.py": "from contract.a import b\nimport numpy\n", "contract/a.py": "b = 1\n"})
    assert circles(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "def f():\n    import sqlite3",
        "from sqlalchemy import select",
        "from host.tls import TlsFiles",
        "import threading as t",
        "import paho.mqtt.client",
        "from yaml import safe_load",
    ],
)
def test_a_pure_room_that_does_io_is_found(tmp_path, line):
    build(tmp_path, {"contract/a.py": f"{line}\n"})
    found = [f for f in house.pure_faults(house.read(tmp_path)) if not f.startswith(".ci")]
    assert len(found) == 1
    assert found[0].startswith("contract/a.py:")


def test_a_pure_room_takes_nothing_from_one_that_is_not(tmp_path):
    build(tmp_path, {"contract/a.py": "from cloud.b import c\n", "cloud/b.py": "c = 1\n"})
    found = [f for f in house.pure_faults(house.read(tmp_path)) if not f.startswith(".ci")]
    assert found == ["contract/a.py:1: a pure room imports cloud.b, which is none"]


def test_a_room_that_is_no_more_is_named(tmp_path):
    build(tmp_path, {"contract/a.py": ""})
    assert ".ci/house.py:1: there is no cloud.hydrology: mend the list of pure rooms" in list(
        house.pure_faults(house.read(tmp_path))
    )


def test_a_long_file_is_found_and_a_generated_one_is_not(tmp_path):
    build(tmp_path, {"cloud/a.py": "x = 1\n" * 401, "cloud/b.py": "x = 1\n" * 400, "cloud/c_pb2.py": "x = 1\n" * 999})
    assert [f.partition(":")[0] for f in house.length_faults(tmp_path)] == ["cloud/a.py"]


def test_foreign_writes_and_spread_classes_are_found_by_type(tmp_path):
    foreign_writes = loaded("foreign_writes")
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\n")
    owner = """
class Tank:
    def __init__(self) -> None:
        self.level_m = 0.0

    def fill(self) -> None:
        self.level_m = 1.0

class Error(ValueError):
    level_m = 0.0
"""
    user = """
from cloud.tank import Error, Tank

class Mine:
    x = 1

class Taller(Tank):
    def empty(self) -> None:
        self.level_m = 0.0

class Worse(Error):
    pass

def spoil(tank: Tank | None, mine: Mine, tanks: list[Tank]) -> None:
    if tank is not None:
        tank.level_m = 2.0
    mine.x = 2
    tanks[0].level_m, mine.x = 3.0, 4
    for each in tanks:
        each.level_m += 1.0
        each.fill()
"""
    build(tmp_path, {"cloud/tank.py": owner, "cloud/user.py": user})
    assert sorted(foreign_writes.faults(tmp_path, ["cloud"])) == [
        "cloud/user.py:16: sets .level_m of a Tank, which cloud.tank defines: call a method of it",
        "cloud/user.py:18: sets .level_m of a Tank, which cloud.tank defines: call a method of it",
        "cloud/user.py:20: sets .level_m of a Tank, which cloud.tank defines: call a method of it",
        "cloud/user.py:7: Taller adds to Tank of cloud.tank: one class, one file",
    ]
