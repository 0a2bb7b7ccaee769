"""SECURITY.md and the code name the same changes, roles, scopes and tests."""

from __future__ import annotations

import re
from pathlib import Path

from cloud.access.scopes import SCOPES_OF, Scope

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
# How a change gets into the record: audit.write and .record, Access.record, `note` of the commands, Authority._record.
_RECORDED = re.compile(
    r'what="([a-z_.]+)"'
    r'|(?:\.record\(caller|\.record\(Caller\.nobody\(source\)|note\(found), f?"([a-z_.]+)"'
    r'|_record\(f?"([a-z_.{}]+)"'
    r'|"(gateway\.[a-z]+)"\)'
    r'|"(quarantine\.(?!sqlite)[a-z_]+)"'
)
_BY_ROLE = {"{i.role.value}.revoke": {"broker.revoke", "cloud.revoke"}}


def in_code() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "cloud").rglob("*.py"):
        for match in _RECORDED.finditer(path.read_text()):
            said = next(filter(None, match.groups()))
            found |= _BY_ROLE.get(said, {said})
    return found | {"broker.issue", "cloud.issue"}  # put together from the role, as the revocation is


def on_page() -> set[str]:
    """`key.create`, `.rotate` is key.create and key.rotate."""
    table = PAGE.split("## What the audit record holds")[1].split("\n\n`headwater-cloud audit`")[0]
    found, area = set(), ""
    for row in table.splitlines()[4:]:
        for said in re.findall(r"`([a-z_.]+)`", row.split("|")[1]):
            area = area if said.startswith(".") else said.partition(".")[0]
            found.add(area + said if said.startswith(".") else said)
    return found


def test_the_page_lists_every_change_that_is_recorded():
    assert {"login", "login.failed", "key.revoke", "person.role", "gateway.revoke", "view.rebuild"} <= in_code()
    assert on_page() == in_code()


def test_what_the_page_says_is_checked_is_there():
    table = PAGE.split("## What is checked, and by what")[1].split("\n## ")[0]
    paths = re.findall(r"tests/[\w/.]+", table)
    assert len(paths) >= 6
    for path in paths:
        found = ROOT / path
        assert list(found.glob("test_*.py")) if found.is_dir() else found.is_file(), path


def test_a_scope_that_opens_nothing_is_named_as_such():
    """When something asks for `approve`, the page must be written anew."""
    from tests.cloud.api.test_every_operation import APP, declared, operations

    used = set().union(*(declared(method, path) for method, path in operations()))
    assert APP
    assert set(Scope) - {Scope(s) for s in used} == {Scope.APPROVE}
    assert "The scope `approve` and the role `approver` exist, and open nothing yet" in PAGE
    assert any(Scope.APPROVE in scopes for scopes in SCOPES_OF.values())
