"""The address of a ledger: the driver that is meant by it, and what the operator is told of a wrong one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cloud.config import load_config
from cloud.ledger.url import url_of, url_trouble
from contract.documents import ConfigError

SMALL = Path(__file__).parents[2] / "districts" / "small"


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:////var/lib/headwater/ledger.sqlite", "sqlite"),
        ("postgresql://ops@db.example.org/headwater", "postgresql+psycopg"),
        ("postgresql+psycopg://ops@db.example.org/headwater", "postgresql+psycopg"),
    ],
)
def test_a_good_one(text: str, driver: str) -> None:
    assert url_trouble(text) is None
    assert url_of(text).drivername == driver


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://ops@db/headwater", "in sqlite or postgresql, not in mysql"),
        ("db.example.org/headwater", "not an address: write postgresql://USER@HOST:PORT/DATABASE"),
        ("postgresql://ops:secret@db:port/headwater", "not an address"),
        ("postgresql://ops@db", "no database is named"),
        ("oracle9://ops@db/x", "in sqlite or postgresql, not in oracle9"),
    ],
)
def test_a_wrong_one(text: str, said: str) -> None:
    found = url_trouble(text)
    assert found is not None
    assert said in found
    assert "secret" not in found


def test_a_driver_that_is_not_installed_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    config = tmp_path / "cloud.yaml"
    config.write_text(f"catalogue: {SMALL}\ndata_dir: data\nledger_url: postgresql://ops@db/headwater\n")
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert "cloud.yaml:3: " in caught.value.report()
    assert "psycopg is not installed: pip install 'headwater[postgresql]'" in caught.value.report()
