"""Names in one language or two: as text they are what they always were."""

from __future__ import annotations

import json
import pickle

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue.names import NameText, unfit
from contract.catalogue.places import Zone

TEXT = st.text(min_size=1, max_size=50).filter(lambda text: text.strip() and not unfit(text))


@given(TEXT)
def test_a_plain_name_is_its_text_in_every_language(text):
    name = NameText.of(text)
    assert (name, name.languages, name.into("zh"), name.into("en")) == (text, {}, text, text)


@given(TEXT, TEXT)
def test_a_name_in_two_languages_is_the_english_one_as_text(zh, en):
    name = NameText.of({"zh": zh, "en": en})
    assert (name, name.into("zh"), name.into("en")) == (en, zh, en)
    assert NameText.of(name) is name


@given(TEXT)
def test_a_name_in_one_language_stands_for_the_other(zh):
    name = NameText.of({"zh": zh})
    assert (name, name.into("en")) == (zh, zh)


@given(TEXT, TEXT)
def test_it_travels_as_text_and_to_another_process_whole(zh, en):
    name = NameText.of({"zh": zh, "en": en})
    assert json.loads(json.dumps(name)) == en
    assert pickle.loads(pickle.dumps(name)).languages == {"zh": zh, "en": en}
    assert orjson.loads(orjson.dumps(NameText.of({"zh": "沙口", "en": "Shakou"}))) == "Shakou"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "a name is a text"),
        ({"de": "Straße"}, "a name is a text"),
        ({"zh": 5}, "a name is a text"),
        (17, "a name is a text"),
        (None, "a name is a text"),
        ({"zh": " "}, "not empty"),
        ("x" * 201, "at most 200"),
        ("Sha\x07kou", "control character U\\+0007"),
        ("Sha\nkou", "control character U\\+000A"),
        ({"zh": "沙口\u202e路"}, "control character U\\+202E"),
        ("Sha\ud800kou", "control character U\\+D800"),
        ("Sha\ufffekou", "control character U\\+FFFE"),
    ],
)
def test_what_is_no_name_is_refused_with_what_to_write(given, why):
    with pytest.raises(ValueError, match=why):
        Zone.model_validate({"id": "z", "name": given, "area": [[1, 2], [1, 3], [2, 3]]})
