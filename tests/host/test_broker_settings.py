"""Where the broker is, and how either side shows itself to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from contract.documents import validate
from contract.settings_model import SettingsModel
from host.broker_settings import BrokerSettings
from host.tls import TlsFiles
from host.yaml_config import read_yaml


def test_without_an_authority_nothing_is_encrypted() -> None:
    assert BrokerSettings(host="h").port == 1883
    assert BrokerSettings(host="h").tls() is None


@pytest.mark.parametrize("own", [{"cert_file": "c"}, {"key_file": "k"}, {"cert_file": "c", "key_file": "k"}])
def test_what_we_show_without_whom_we_trust_is_refused_on_either_side(tmp_path: Path, own: dict[str, str]) -> None:
    place = tmp_path / "config.yaml"
    place.write_text("clock: system\nbroker:\n  host: h\n" + "".join(f"  {k}: {v}\n" for k, v in own.items()))
    document = read_yaml(place)

    class File(SettingsModel):
        clock: str
        broker: BrokerSettings

    assert validate(document, File) is None
    (mistake,) = document.mistakes
    assert (mistake.line, mistake.what) == (
        2,
        "broker: cert_file and key_file need ca_file: the authority whose broker is trusted",
    )


def test_with_one_the_files_are_given() -> None:
    settings = BrokerSettings(host="h", ca_file=Path("ca"), cert_file=Path("c"), key_file=Path("k"))
    assert settings.tls() == TlsFiles(Path("ca"), Path("c"), Path("k"))


def test_relative_paths_count_from_the_folder_and_absolute_ones_stand(tmp_path: Path) -> None:
    settings = BrokerSettings(host="h", port=8883, ca_file=Path("/etc/ca.crt"), cert_file=Path("own/c.crt"))
    moved = settings.under(tmp_path)
    assert (moved.ca_file, moved.cert_file) == (Path("/etc/ca.crt"), tmp_path / "own" / "c.crt")
    assert (moved.key_file, moved.password_file) == (None, None)
    assert (moved.host, moved.port) == ("h", 8883)


def test_credentials(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret word\n")
    assert BrokerSettings(host="h").credentials() is None
    assert BrokerSettings(host="h", username="ann").credentials() == ("ann", "")
    with_password = BrokerSettings(host="h", username="ann", password_file=Path("password")).under(tmp_path)
    assert with_password.credentials() == ("ann", "secret word")


def test_a_password_that_cannot_be_read_is_no_empty_password(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        BrokerSettings(host="h", username="ann", password_file=tmp_path / "nowhere").credentials()


@pytest.mark.parametrize("wrong", [{"port": -1}, {"port": 65_536}, {"hots": "h"}, {"host": None}])
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BrokerSettings.model_validate({"host": "h", **wrong})
