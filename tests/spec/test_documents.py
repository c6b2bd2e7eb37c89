"""YAML in and out: plain data only, numbers as people write them."""

from __future__ import annotations

import math
from unittest import mock

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.errors import RecipeError
from zoo.registry.catalogue import preset_files, recipe_files
from zoo.spec.documents import line_of, parse_yaml, read_yaml, to_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@settings(max_examples=50)
@given(PLAIN)
def test_what_is_written_is_read_back(document):
    text = to_yaml(document)
    with mock.patch.object(yaml, "__with_libyaml__", False):
        slow = to_yaml(document)
    for written in {text, slow}:
        assert parse_yaml(written, "a document") == document


def test_files_are_the_same_with_and_without_libyaml():
    """Recipes and presets are written byte for byte alike on all machines, and emoji stay emoji."""
    files = [*recipe_files().values(), *preset_files().values()]
    sentence = "a \U0001f600, an é, " + "and then words " * 20 + "to the end"
    documents = [*map(read_yaml, files), {"lines": "one\ntwo"}, {"description": sentence}]
    fast = [to_yaml(document) for document in documents]
    with mock.patch.object(yaml, "__with_libyaml__", False):
        assert [to_yaml(document) for document in documents] == fast
    assert "\U0001f600" in fast[-1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("2E5", 200000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-3", -3),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("off", "off"),
        ("y", "y"),
        ("2024-01-01", "2024-01-01"),
        ("1.2.3", "1.2.3"),
        ("1:30", "1:30"),
        ("017", "017"),
        ("0x1F", "0x1F"),
        ("1_000", 1000),
        ("e5", "e5"),
        ("[1, 2e-1]", [1, 0.2]),
        (".inf", math.inf),
    ],
)
def test_scalars_are_what_people_mean(text, value):
    parsed = parse_yaml(text, "a document")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "text", ["1e5", "+1E-3", "1.e3", "1:30", "017", "no", "null", "<<", "=", "a\x85b", "a\r\nb", "\ufeffa"]
)
def test_a_text_that_looks_like_something_else_stays_a_text(text):
    assert parse_yaml(to_yaml({"x": text, text: [text]}), "a document") == {"x": text, text: [text]}


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [echo]", "!!python/name:os.system", "!!binary aGk=", "!!set {a}", "!own x"]
)
def test_a_tag_is_refused(tag):
    with pytest.raises(RecipeError, match=r"a document, line 2: not valid YAML: expected plain data, got the tag"):
        parse_yaml(f"a: 1\nb: {tag}\n", "a document")


def test_a_text_that_is_read_again_gives_values_of_its_own():
    first = parse_yaml("{a: [1]}", "a document")
    first["a"].append(2)
    assert parse_yaml("{a: [1]}", "a document") == {"a": [1]}


def test_a_key_may_stand_once_in_each_mapping():
    assert parse_yaml("{a: {x: 1}, b: {x: 2}}", "a document") == {"a": {"x": 1}, "b": {"x": 2}}
    with pytest.raises(RecipeError, match=r"line 3: .*'x' appears twice"):
        parse_yaml("a:\n  x: 1\n  x: 2\n", "a document")


def test_a_mapping_may_be_merged_into_another():
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", "a document")["b"] == {"x": 1, "y": 3}


TEXT = "model:\n  preset: vae-mlp-2d\n  encoder:\n    widths: [1,\n      2]\ndata: digits\n"


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("model",), 1),
        (("model", "preset"), 2),
        (("model", "encoder", "widths"), 4),
        (("model", "encoder", "widths", 1), 5),
        (("data", "name"), 6),
        (("model", "decoder", "widths"), 1),
        (("model", "encoder", "widths", 7), 4),
        (("train", "epochs"), None),
        ((), None),
    ],
)
def test_a_field_stands_on_its_line_or_on_that_of_what_holds_it(keys, line, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXT)
    assert line_of(path, keys) == line


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"nowhere\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "nowhere.yaml")
    assert line_of(tmp_path / "nowhere.yaml", ("model",)) is None
