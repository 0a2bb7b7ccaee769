"""Templates: a district changes what it wants to; one that fails refuses to start, with its file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cloud.warnings.cap import CapWriter
from cloud.warnings.settings import WarningSettings
from cloud.warnings.situations import template_mistakes, written
from cloud.warnings.texts import carried, language_of
from contract.catalogue.names import unfit
from contract.documents import ConfigError
from host.district_folder import load
from tests.conftest import SMALL_DISTRICT

NOW_MS = 1_626_768_240_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = Path(shutil.copytree(SMALL_DISTRICT, tmp_path / "small"))
    (made / "texts").mkdir()
    return made


def mistakes(folder: Path) -> list[str]:
    return [f"{m.file.name}:{m.line}: {m.what}" for m in template_mistakes(load(folder))]


def test_a_district_changes_one_part_and_keeps_the_others(folder: Path) -> None:
    (folder / "texts" / "en.jinja").write_text("{% macro sign() %}{{ level|upper }}: STOP{% endmacro %}\n")
    assert mistakes(folder) == []
    message = dict(written(load(folder), WarningSettings(), "north", NOW_MS))["worse"]
    assert b"<value>RED: STOP</value>" in message.cap_xml
    assert b"Red waterlogging warning, North" in message.cap_xml


def test_what_a_district_reckons_outside_its_macros_is_of_the_message_that_is_written(folder: Path) -> None:
    (folder / "texts" / "en.jinja").write_text(
        "{% import 'ours' as ours with context %}{% set colour = level|default('none')|upper %}\n"
        "{% macro sign() %}{{ colour }}: {{ ours.event() }}{% endmacro %}\n"
    )
    messages = dict(written(load(folder), WarningSettings(), "north", NOW_MS))
    assert b"<value>BLUE: Waterlogging</value>" in messages["opened"].cap_xml
    assert b"<value>RED: Waterlogging</value>" in messages["worse"].cap_xml


def test_nothing_that_prints_is_taken_out_of_a_text() -> None:
    everything = [chr(code) for code in range(0x110000)]
    assert all(unfit(c) is None for c in everything if c.isprintable())
    assert carried("a\x00b\u202ec\u3000d") == "abc\u3000d"


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("{% macro sign() %}\n{{ level }\n{% endmacro %}", 2, "unexpected '}'"),
        ("{% macro sign() %}\n\n{{ colour }}{% endmacro %}", 3, "'colour' is undefined"),
        ("{# #}\n{% macro sign() %}\n{{ worst.color }}{% endmacro %}", 3, "has no attribute 'color'"),
        (
            "{# #}\n{% macro sign() %}\n{% if why == 'joined' %}{{ 1 / 0 }}{% endif %}{% endmacro %}",
            3,
            "ZeroDivisionError",
        ),
        ("\n{% macro sign() %}{{ level * 30 }}{% endmacro %}", 2, "sign comes out with"),
        ("{{ level }}\n{{ nothing }}", 2, "'nothing' is undefined"),
        ("{% macro sign() %}{{ ''.__class__.__mro__ }}{% endmacro %}", 1, "unsafe"),
        ("{% macro sign() %}{{ level|paint }}{% endmacro %}", 1, "No filter named 'paint'"),
    ],
)
def test_a_template_that_fails_in_any_case_is_refused_with_its_line(
    folder: Path, template: str, line: int, said: str
) -> None:
    (folder / "texts" / "en.jinja").write_text(template)
    (found,) = mistakes(folder)
    assert found.startswith(f"en.jinja:{line}: "), found
    assert said in found


def test_files_that_nothing_reads_are_refused(folder: Path) -> None:
    (folder / "texts" / "de.jinja").write_text("")
    with pytest.raises(ConfigError, match="nothing reads this file: texts are in zh"):
        load(folder)
    (folder / "texts" / "de.jinja").rename(folder / "texts" / "zh.jinja")
    (folder / "texts" / "zh.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(folder)


def test_a_tag_takes_the_texts_of_its_language(folder: Path) -> None:
    assert [language_of(t) for t in ("zh-CN", "zh-Hans", "en-GB", "EN", "fr")] == ["zh", "zh", "en", "en", None]
    message = dict(written(load(folder), WarningSettings(languages=("zh-Hans", "en-GB")), "north", NOW_MS))["opened"]
    text = message.cap_xml.decode()
    assert text.index("<language>zh-Hans<") < text.index("蓝色内涝预警") < text.index("<language>en-GB<")
    assert CapWriter(load(folder), WarningSettings()).identifier(NOW_MS, 7) == "41010541600000_20210720160400_7"
