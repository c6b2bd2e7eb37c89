"""What there is, and what there is to know of it, for people and for programs."""

from __future__ import annotations

import json

import pytest

from zoo.registry import KINDS, find_source, list_components
from zoo.registry.catalogue import (
    list_models,
    list_pretrained,
    list_recipes,
    preset_files,
    pretrained_files,
    recipe_files,
)
from zoo.registry.inspection import describe_component
from zoo.spec.documents import read_yaml

SHELVES = {"model": list_models, "recipe": list_recipes}


def test_everything_is_listed_by_kind(cli):
    outcome = cli("list", "--json")
    assert outcome.status == 0
    assert json.loads(outcome.out) == {
        "model": list_models(),
        "pretrained": list_pretrained(),
        "recipe": list_recipes(),
        **{kind: list_components(kind) for kind in KINDS},
    }


@pytest.mark.parametrize("kind", [*KINDS, *SHELVES])
def test_a_kind_is_listed_with_a_sentence_each(kind, cli):
    lines = cli("list", kind).out.splitlines()
    names = SHELVES[kind]() if kind in SHELVES else list_components(kind)
    assert [line.split()[0] for line in lines] == names
    assert all(len(line.split()) > 1 for line in lines), "a name without a summary"
    assert cli("list", f"{kind}s").out.splitlines() == lines
    assert json.loads(cli("list", kind, "--json").out) == names


def test_escapes_of_a_docstring_are_not_listed(cli):
    assert "log |det f′(z)|" in cli("list", "prior").out


def test_names_are_listed_by_pattern(cli):
    assert json.loads(cli("list", "model", "vae-mlp-*", "--json").out) == list_models("vae-mlp-*")
    assert json.loads(cli("list", "posterior", "*l_gaussian", "--json").out) == ["diagonal_gaussian", "full_gaussian"]


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in list_components(kind)])
def test_a_component_is_shown_with_its_options_defaults_and_source(kind, name, cli):
    (facts,) = json.loads(cli("show", f"{kind}/{name}", "--json").out)
    described = describe_component(find_source(kind, name))
    assert (facts["kind"], facts["name"]) == (kind, name)
    assert facts["options"] == {o.name: {"type": o.type, "default": o.default} for o in described.options}
    assert facts["source"].endswith(f"{name}.py")
    assert facts["distribution"].startswith("latent-zoo ")
    text = cli("show", f"{kind}/{name}").out
    assert described.summary.split()[0] in text
    assert all(f"  {option.name}: {option.type}" in text for option in described.options)


@pytest.mark.parametrize("name", list_models())
def test_a_preset_is_shown_as_it_is_written(name, cli):
    (facts,) = json.loads(cli("show", f"model/{name}", "--json").out)
    assert facts["text"] == preset_files()[name].read_text(encoding="utf-8").rstrip()


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_is_shown_as_it_is_written(name, cli):
    (facts,) = json.loads(cli("show", f"recipe/{name}", "--json").out)
    assert facts["source"] == str(recipe_files()[name])


@pytest.mark.parametrize("name", list(pretrained_files()))
def test_a_pretrained_model_is_shown_with_its_figures(name, cli):
    (facts,) = json.loads(cli("show", name, "--json").out)
    assert facts["kind"] == "pretrained"
    assert facts["text"] == pretrained_files()[name].read_text().rstrip()


def test_a_name_of_several_kinds_is_shown_in_each(cli):
    kinds = [kind for kind in KINDS if "conv" in list_components(kind)]
    assert len(kinds) > 1
    assert [facts["kind"] for facts in json.loads(cli("show", "conv", "--json").out)] == kinds
    assert [facts["kind"] for facts in json.loads(cli("show", "decoder/conv", "--json").out)] == ["decoder"]


@pytest.mark.parametrize("path", [*preset_files().values(), *recipe_files().values()], ids=lambda path: path.stem)
def test_every_bundled_file_says_in_a_sentence_what_it_is_for(path):
    description = read_yaml(path)["description"]
    assert description.endswith(".")
    assert len(description) > 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "posteriorz"), ("unknown kind 'posteriorz'", "'posterior'")),
        (("show", "full_gausian"), ("unknown name 'full_gausian'", "'full_gaussian'")),
        (("show", "ae"), ("unknown name 'ae'", "Did you mean 'ae-")),
        (("show", "prior/conv"), ("unknown name 'prior/conv'",)),
        (("show", "posterior"), ("got the kind 'posterior'", "`zoo-cli list posterior`")),
        (("show", "encoders"), ("got the kind 'encoders'", "`zoo-cli list encoder`")),
        (("show", "pretrained"), ("got the kind 'pretrained'", "`zoo-cli list pretrained`")),
        (("show",), ("Missing argument 'NAME'",)),
        (("lst",), ("No such command 'lst'",)),
        (("list", "--jsn"), ("No such option",)),
    ],
)
def test_what_is_not_there_ends_with_status_2(arguments, says, cli):
    outcome = cli(*arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    for words in says:
        assert words in outcome.err


def test_every_command_helps_with_an_example(cli):
    from zoo.cli import cli as group

    names = group.list_commands(None)
    assert {"evaluate", "list", "plot", "sample", "schema", "show", "train"} <= set(names)
    for name in names:
        outcome = cli(name, "--help")
        assert outcome.status == 0
        assert f"Example: zoo-cli {name}" in " ".join(outcome.out.split())
