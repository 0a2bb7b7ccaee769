"""Every secret of the cloud's file, wherever it is named, that other users of the machine can read."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cloud.config import ConfigFile
from cloud.exposed import exposed

FILE = {
    "catalogue": "district",
    "data_dir": "data",
    "broker": {
        "ca_file": "ca.crt",
        "cert_file": "cloud.crt",
        "key_file": "cloud.key",
        "password_file": "broker.password",
    },
    "series": {"engine": "influx", "url": "http://127.0.0.1:8086", "org": "o", "bucket": "b", "token_file": "token"},
    "delivery": [
        {"kind": "webhook", "name": "a", "url": "https://example.org/", "secret_files": ["new.key", "old.key"]},
        {"kind": "apprise", "name": "b", "url_file": "channel"},
    ],
}
SECRETS = {"cloud.key", "broker.password", "token", "new.key", "old.key", "channel"}


def test_each_is_named_once_and_nothing_else_is() -> None:
    settings = ConfigFile.model_validate(FILE)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        base.chmod(0o755)
        for file in (*SECRETS, "ca.crt", "cloud.crt"):
            (base / file).write_text("x")
            (base / file).chmod(0o644)
        assert {Path(said.partition(" ")[0]).name for said in exposed(settings, base)} == SECRETS
        assert len(exposed(settings, base)) == len(SECRETS)
        for file in SECRETS:
            (base / file).chmod(0o640)
        assert exposed(settings, base) == []
