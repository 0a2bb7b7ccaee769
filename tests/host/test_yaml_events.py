"""Plain YAML with the line of everything; what is not plain, and what would grow beyond its file, is refused."""

from __future__ import annotations

import pytest
import yaml

from host.yaml_events import MAX_DEPTH, build


def test_data_and_the_line_of_everything() -> None:
    found = build("a: 1\nb:\n  - x\n  - c: true\n    d: null\n")
    assert found.data == {"a": 1, "b": ["x", {"c": True, "d": None}]}
    assert found.lines == (1, {"a": 1, "b": (2, [3, (4, {"c": 4, "d": 5})])})
    assert found.mistakes == []


@pytest.mark.parametrize("text", ["", "# only a word\n", "---\n", "~\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert build(text).data == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2021-07-20", "2021-07-20"),  # words, as they are written
        ("12:30:45", 45_045),  # YAML 1.1: to base 60
        ("0x1F", 31),
        ("'12'", "12"),
        ("1e3", "1e3"),  # YAML 1.1 wants a point
        ("1.5e+3", 1500.0),
        ("yes", True),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("1" * 65, "1" * 65),  # longer than any number an honest file holds
    ],
)
def test_what_a_scalar_is_read_as(text: str, value: object) -> None:
    assert build(f"a: {text}\n").data == {"a": value}


def test_a_key_given_twice_is_told_with_its_line_and_the_last_one_counts() -> None:
    found = build("a: 1\nb: 2\na: 3\n")
    assert found.mistakes == [(3, "'a' is given twice")]
    assert found.data == {"a": 3, "b": 2}


def test_a_key_that_is_no_word_is_told() -> None:
    assert build("1.5: x\nb: 2\n").mistakes == [(1, "a key must be a word")]


def test_an_alias_is_the_value_of_its_anchor() -> None:
    assert build("a: &one {x: 1}\nb: *one\n").data == {"a": {"x": 1}, "b": {"x": 1}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: *one\n", "found undefined alias|no anchor 'one' before this"),
        ("a: &x {k: 1}\nb: {<<: *x}\n", "merging with << is not read"),
        ("a: 1\n---\nb: 2\n", "a second document begins"),
        ("a: !!python/object/apply:os.system [ls]\n", "is not read here"),
        ("a: !!set {b}\n", "tag 'tag:yaml.org,2002:set' is not read here"),
        ("a: !!int twelve\n", "'twelve' cannot be read as int"),
        ("? [a, b]\n: 1\n", "a key must be a word"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError, match=problem):
        build(text)


def test_the_deepest_that_is_read() -> None:
    assert build("[" * MAX_DEPTH + "]" * MAX_DEPTH).mistakes == []


def test_a_value_in_quotes_is_a_key_and_no_merge() -> None:
    assert build("'<<': 1\n").data == {"<<": 1}


def test_aliases_count_for_all_that_they_repeat() -> None:
    """Ten levels of ten: ten thousand million values out of a few hundred bytes."""
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 11))
    with pytest.raises(yaml.YAMLError, match="values, aliases counted with what they repeat"):
        build(text)
