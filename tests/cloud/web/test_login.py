"""The page in Chromium with logins required: log in by keyboard, release a batch, log out."""

from __future__ import annotations

import os

import pytest

from cloud.access import people
from cloud.access.scopes import Role
from cloud.ledger.open import open_ledger
from contract.clock import SystemClock
from tests.cloud.cloud_with_logins import PASSWORD, cloud
from tests.servers import require

pytestmark = pytest.mark.servers


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=require("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(60_000)  # a busy machine
        yield page
        browser.close()


def log_in(page, name: str, password: str) -> None:
    """Without the mouse: the form has the focus already."""
    page.wait_for_selector("#login:not([hidden])")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def picture(page, name: str) -> None:
    if folder := os.environ.get("HEADWATER_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_login_release_logout(tmp_path, page):
    with cloud(tmp_path) as (http, _, _):
        errors: list[str] = []
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(http)
        page.wait_for_selector("body[data-session=none]")
        assert page.locator("#content").is_hidden()
        picture(page, "login")
        log_in(page, "erik", "not the password")
        page.locator("#login-said", has_text="wrong").wait_for()
        assert any("401" in e for e in errors)  # Chromium's own line about the answer
        errors.clear()
        page.locator("#login-name").fill("erik")
        page.locator("#login-password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-ready=yes]")
        assert "erik (engineer)" in page.locator("#who").inner_text()
        buttons = page.locator("#quarantine button")
        buttons.first.wait_for()
        assert buttons.count() == 2
        picture(page, "quarantine")
        page.locator("#quarantine tr", has_text="time_past").locator("button").focus()
        page.keyboard.press("Enter")
        page.locator("#quarantine-said", has_text="mend the catalogue").wait_for()
        assert any("409" in e for e in errors)
        errors.clear()
        page.locator("#quarantine tr", has_text="foreign_channel").locator("button").focus()
        page.keyboard.press("Enter")
        page.locator("#quarantine-said", has_text="is released").wait_for()
        picture(page, "released")
        page.locator("#quarantine button:focus[aria-label='Release batch 2 of gw-1']").wait_for()
        assert not errors
        page.locator("#logout").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-session=none]")
        assert page.context.cookies() == []


def test_a_viewer_sees_no_button_and_a_removed_person_is_asked_to_log_in(tmp_path, page):
    with cloud(tmp_path) as (http, config, _):
        page.goto(http)
        log_in(page, "vera", PASSWORD)
        page.locator("#quarantine td").first.wait_for()
        assert page.locator("#quarantine button").count() == 0
        cookie = page.context.cookies()[0]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
        ledger = open_ledger(config.ledger_url)
        people.remove(ledger, "vera", SystemClock().now_ms(), "shell:test")
        page.wait_for_selector("#login:not([hidden])")
        people.add(ledger, "vera", Role.ENGINEER, PASSWORD, SystemClock().now_ms(), "shell:test")
        log_in(page, "vera", PASSWORD)
        page.locator("#quarantine button").first.wait_for()
