"""Recipes, overrides and configurations that mean harm: refused in words, in little time and memory."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

import zoo
from tests.hostile.conftest import ZooCli, assert_one_message
from zoo.errors import RecipeError, ZooError
from zoo.hub.content import read_foreign_recipe
from zoo.spec.documents import parse_yaml
from zoo.spec.recipe import Recipe
from zoo.spec.validation import validate
from zoo.utils.text import excerpt

GOOD = "model: vae-mlp-2d\ndata: digits\n"
LAUGHS = "".join(
    [
        f"x0: &x0 [{', '.join(['lol'] * 9)}]\n",
        *(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]\n" for i in range(1, 9)),
    ]
)
MAPPINGS = "m0: &m0 {a: 1}\n" + "".join(
    f"m{i}: &m{i} {{{', '.join(f'k{j}: *m{i - 1}' for j in range(9))}}}\n" for i in range(1, 9)
)
MERGES = "m0: &m0 {a: 1}\n" + "".join(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 9))


@pytest.mark.parametrize("bomb", [LAUGHS, MAPPINGS, MERGES], ids=["lists", "mappings", "merges"])
@pytest.mark.parametrize("end", ["", "description: *{0}8\n", "train: {{epochs: *{0}8}}\n", "seed: {{*{0}8: 1}}\n"])
def test_a_document_that_grows_is_refused_at_once(bomb: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(bomb + GOOD + end.format(bomb[0]))
    began = time.process_time()
    for read in (zoo.load_recipe, read_foreign_recipe):
        with pytest.raises(RecipeError, match=r"alias|fields are wrong|not valid") as refusal:
            read(path)
        assert len(str(refusal.value)) < 5000
    assert time.process_time() - began < 10


def test_aliases_that_save_a_few_words_are_read() -> None:
    text = "a: &a [1, 2, 3]\nb: *a\nc: {d: *a, e: *a}\n"
    assert parse_yaml(text, "a document")["c"]["e"] == [1, 2, 3]


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: *a}", "a: &a [1, {b: [*a]}]"])
def test_an_alias_of_what_it_is_part_of_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="an alias refers to its own parent"):
        parse_yaml(text, "a document")


VALUES = [
    "!!bool maybe", "!!bool ''", "!!int ''", "!!int '-'", "!!int 0x", "!!int 1.5", "!!int [1]", "!!float ''",
    "!!float one", "!!float [1]", "!!null full", "!!map [a]", "!!map a", "!!seq {a: b}", "!!seq a", "!!str [a]",
    "{? !!map [a] : 1}", "{? [a] : 1}", "{? {a: b} : 1}", "!!timestamp 2020-01-01", "!!pairs [a: b]", "!!omap [a: b]",
    "!!binary aGk=", "!!set {a}", "!<tag:yaml.org,2002:int> x", "!!int " + "9" * 5000, "9" * 5000, "!!float 1e99999x",
    "<<: 3", "{<<: 3}", "{<<: [3]}", "*nobody", "&a", "[" * 1000, "{" * 1000, "- " * 3000 + "a", "? " * 3000,
    "'", '"', "|", "%YAML 9.9", "@a", "`a", "\t", "a: b: c", "!", "!!", "&", "*", "\x00", "\ud800", "--- a\n--- b",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value[:20]))
def test_a_value_that_does_not_fit_its_tag_is_a_message(value: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"{GOOD}seed: {value}\n", encoding="utf-8", errors="surrogatepass")
    for read in (
        lambda: zoo.load_recipe(path),
        lambda: read_foreign_recipe(path),
        lambda: zoo.load_recipe("digits", [f"seed={value}"]),
    ):
        with pytest.raises(ZooError) as refusal:
            read()
        assert len(str(refusal.value)) < 5000


@pytest.mark.parametrize(
    "many",
    ["".join(f"a{n}: 1\n" for n in range(90_000)), "train:\n" + "- 1\n" * 200_000, "train: [" + "1," * 400_000 + "]",
     "train:\n" + "- {}\n" * 150_000, "".join(f"a{n}: &a{n} 1\n" for n in range(50_000))],
    ids=["fields", "items", "flow", "mappings", "anchors"],
)  # fmt: skip
def test_a_document_of_very_many_small_values_is_refused_in_little_time(
    many: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.spec.documents._MOST_TOKENS", 3000)
    path = tmp_path / "r.yaml"
    path.write_text(GOOD + many)
    began = time.process_time()
    with pytest.raises(RecipeError, match="expected at most 3,000 words, numbers and signs"):
        zoo.load_recipe(path)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: &a 1\nb: &a 2", "duplicate anchor 'a'"), ("a: 1\n---\nb: 2", "expected a single document"), ("a: *b", "'b'")],
)
def test_what_is_wrong_with_a_document_is_said(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse_yaml(text, "a document")


def test_very_many_wrong_fields_are_counted_and_five_are_named() -> None:
    document = {"model": "vae-mlp-2d", "data": "digits", **{f"field{i}": i for i in range(50_000)}}
    began = time.process_time()
    with pytest.raises(RecipeError, match=r"^50,00\d fields are wrong:") as refusal:
        validate(Recipe, document)
    assert str(refusal.value).count("\n  ") == 6, "five fields, and how many more"
    assert "… and 49,997 more" in str(refusal.value)
    assert time.process_time() - began < 10


def test_a_recipe_of_many_wrong_fields_is_read_once_for_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(GOOD + "".join(f"f{i}: 1\n" for i in range(300)))
    calls = []
    compose = yaml.compose
    monkeypatch.setattr(yaml, "compose", lambda *a, **k: calls.append(1) or compose(*a, **k))
    with pytest.raises(RecipeError, match=r"300 fields are wrong:\n  line 3: f0: unknown field"):
        zoo.load_recipe(path)
    assert len(calls) == 1


class Shared:
    """Refuses to be shown."""

    def __repr__(self) -> str:
        raise ValueError("no")


def test_a_value_is_shown_in_little_time_whatever_it_is() -> None:
    value: object = ["lol"] * 9
    for _ in range(12):
        value = [value] * 9
    began = time.process_time()
    circle: list = []
    circle.append(circle)
    for each in (value, {"a": value}, (value,), "x" * 10**7, 10**10**5, circle, Shared(), b"x" * 10**7, {1: Shared()}):
        assert len(excerpt(each)) <= 80
    assert time.process_time() - began < 10
    with pytest.raises(RecipeError):
        zoo.load_recipe({"model": "vae-mlp-2d", "data": "digits", "description": value})


CONFIGS = [
    b"", b"[", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"spec": {}, "format_version": 1}',
    b'{"spec": 3, "format_version": 2}', b'{"spec": {}, "format_version": 1e400}',
    b'{"spec": {}, "format_version": %s}' % (b"9" * 5000), b'{"spec": {}, "format_version": [[[]]]}',
    b'{"spec": {"data_shape": [1e400]}, "format_version": 2}', b'{"spec": {"objective": %s}, "format_version": 2}'
    % (b'{"name":' * 500 + b"1" + b"}" * 500),
]  # fmt: skip


@pytest.mark.parametrize("content", CONFIGS, ids=lambda content: content[:30].decode("latin-1"))
def test_a_configuration_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    zoo.save(zoo.load("vae-mlp-2d.digits"), tmp_path)
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ZooError, match=r"config\.json: ") as refusal:
        zoo.load(tmp_path)
    assert len(str(refusal.value)) < 5000


@pytest.mark.slow
def test_options_of_every_wrong_size_are_messages(tmp_path: Path) -> None:
    zoo.save(zoo.load("vae-mlp-2d.digits"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for widths in ([10**30], [2**31, 2**31], [1] * 30_000, [0], [-1], ["x"], [[1]], [1.5], [None], 10**30, None, {}):
        changed = {**config, "spec": {**config["spec"], "encoder": {"name": "mlp", "widths": widths}}}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(ZooError):
            zoo.load(tmp_path)
        if widths == [1] * 30_000:
            continue  # takes seconds, and goes the same way
        with pytest.raises(ZooError):
            zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), encoder={"widths": widths})


HUGE = "9" * 30


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "vae-mlp-2d.digits", "--seed", HUGE],
        ["sample", "vae-mlp-2d.digits", "--seed", "-1"],
        ["sample", "vae-mlp-2d.digits", "--count", HUGE],
        ["sample", "vae-mlp-2d.digits", "--count", str(2**31 - 1)],
        ["sample", "vae-mlp-2d.digits", "--count", "0"],
        ["plot", "vae-mlp-2d.digits", "--seed", HUGE],
        ["report", "vae-mlp-2d.digits", "--seed", HUGE],
        ["train", "digits", "--set", f"seed={HUGE}"],
        ["train", "digits", "--set", f"model.latent_dim={HUGE}"],
        ["train", "digits", "--set", "model.latent_dim=1000000000000"],
        ["train", "digits", "--set", f"data.pad={HUGE}"],
        ["train", "digits", "--set", "data.resize=[100000, 100000]"],
        ["train", "digits", "--set", "data.workers=100000"],
        ["train", "digits", "--set", f"train.batch_size=-{HUGE}"],
        ["train", "digits", "--set", "data={name: gaussian_mixture, size: 100000000000}"],
        ["evaluate", "vae-mlp-2d.digits", "--metric", "3"],
        ["evaluate", "vae-mlp-2d.digits", "--metric", "[elbo]"],
        ["evaluate", "vae-mlp-2d.digits", "--metric", "{steps: 3}"],
    ],
    ids=lambda arguments: " ".join(arguments[2:])[:40],
)
def test_a_number_that_no_machine_can_hold_is_a_message(arguments: list[str], zoo_cli: ZooCli, tmp_path: Path) -> None:
    assert_one_message(zoo_cli(*arguments), status=(2,))
    assert list(tmp_path.iterdir()) == []
