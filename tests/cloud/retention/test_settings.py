"""What an operator may state, and what does not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from cloud.config import load_config
from cloud.retention.settings import RetentionSettings
from contract.documents import ConfigError
from tests.cloud.cli.test_common import config


def test_everything_is_kept_unless_it_is_stated() -> None:
    assert not RetentionSettings().stated
    assert RetentionSettings().trouble(400, True) is None
    assert RetentionSettings(log_days=30).stated


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"raw_days": 900}, "raw_days without log_days"),
        ({"log_days": 30, "raw_days": 400}, "raw_days must be at least 462"),
        ({"log_days": 30, "raw_days": 462}, None),
        ({"log_days": 30, "raw_days": 462, "hourly_days": 4000}, "InfluxDB"),
    ],
)
def test_what_does_not_fit_is_said_with_what_to_write(stated: dict[str, float], said: str | None) -> None:
    found = RetentionSettings.model_validate(stated).trouble(400, rolled_up=False)
    assert (said or "") in (found or "")
    assert (found is None) == (said is None)


@pytest.mark.parametrize("stated", [{"hourly_days": 900}, {"raw_days": 900, "hourly_days": 30}, {"log_days": 0}])
def test_hours_outlive_the_readings_that_they_are_of(stated: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RetentionSettings.model_validate(stated)


def test_it_is_refused_by_file_and_line(tmp_path: Path) -> None:
    path = config(tmp_path, retention={"log_days": 30, "raw_days": 40})
    with pytest.raises(ConfigError) as found:
        load_config(path)
    assert "raw_days must be at least 462" in found.value.report()
    assert load_config(config(tmp_path, receive={"oldest_days": 3}, retention={"log_days": 5, "raw_days": 40}))
