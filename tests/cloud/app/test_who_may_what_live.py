"""Who may what at a real cloud, over a socket, before and after a restart: each route of its own document."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from cloud.access import keys, people
from cloud.access.rate import Rate
from cloud.access.scopes import Scope
from cloud.config import load_config
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from tests.cloud.cloud_with_logins import PASSWORD, PEOPLE, add_people, write_config
from tests.servers import command

pytestmark = pytest.mark.servers
_FROM_PAGE = {"x-headwater-page": "1"}
_OPEN = ("/healthz", "/readyz", "/v1/session")


def answered(
    url: str, who: dict[str, str], operations: dict[tuple[str, str], frozenset[str]], nobody: bool = False
) -> None:
    """Every operation answers 401 to nobody, 403 to whoever may not, and something else to whoever may.

    who: headers of a session, or of the key that reads.
    """
    with httpx2.Client(base_url=url, headers=_FROM_PAGE | who) as http:
        held = set(http.get("/v1/session").json()["scopes"]) if "cookie" in who and not nobody else {"read"}
        for (method, path), needed in operations.items():
            with http.stream(method, path.replace("{name}", "x").replace("{number}", "1")) as answer:
                refused = 401 if nobody else None if needed <= held else 403
                assert (answer.status_code if answer.status_code in (401, 403) else None) == refused, (method, path)


def operations_of(url: str, key: str) -> dict[tuple[str, str], frozenset[str]]:
    paths = httpx2.get(f"{url}/v1/openapi.json", headers={"authorization": f"Bearer {key}"}).json()["paths"]
    return {
        (method.upper(), path): frozenset(s for need in told["security"] for ss in need.values() for s in ss)
        for path, methods in paths.items()
        if path not in _OPEN
        for method, told in methods.items()
    }


def logged_in(url: str, name: str) -> dict[str, str]:
    answer = httpx2.post(f"{url}/v1/session", json={"name": name, "password": PASSWORD}, headers=_FROM_PAGE)
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_keys_roles_and_sessions_before_and_after_a_restart(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    config = load_config(path)
    config.data_dir.mkdir()
    add_people(config)
    ledger = open_ledger(config.ledger_url)
    key = keys.create(ledger, "reader", (Scope.READ,), Rate(1e6, 1e6), SystemClock().now_ms(), "shell:test")
    with command("cloud.cli", "serve", "--config", str(path)) as ready:
        url = ready["http"]
        operations = operations_of(url, key)
        assert len(operations) > 30
        sessions = {name: logged_in(url, name) for name in PEOPLE}
        answered(url, {}, operations, nobody=True)
        answered(url, {"authorization": f"Bearer {key}"}, operations)
    people.remove(ledger, "ada", SystemClock().now_ms(), "shell:test")
    with command("cloud.cli", "serve", "--config", str(path)) as ready:
        for name, session in sessions.items():
            answered(ready["http"], session, operations, nobody=name == "ada")
    ledger.dispose()
