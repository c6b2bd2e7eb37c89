"""What is shown of a component is read from its text, and is what the class says."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from pydantic import Field

from zoo.posteriors.point import Point
from zoo.registry import KINDS, Source, find_component, find_source, list_components, register
from zoo.registry.inspection import describe_component
from zoo.spec.options import option_names, option_schema

COMPONENTS = [(kind, name) for kind in KINDS for name in list_components(kind)]
every_component = pytest.mark.parametrize(("kind", "name"), COMPONENTS)


@every_component
def test_every_component_is_described_as_its_class_is(kind, name):
    described = describe_component(find_source(kind, name))
    component = find_component(kind, name)
    assert described.path is not None, "it was imported to be described"
    assert described.path.stem == name
    assert [option.name for option in described.options] == list(option_names(component))
    assert " ".join((component.__doc__ or "").split()).startswith(described.summary)


@every_component
def test_every_docstring_opens_with_one_sentence(kind, name):
    summary = describe_component(find_source(kind, name)).summary
    assert summary
    assert summary.endswith((".", "!", "?"))


@every_component
def test_an_option_without_a_default_is_a_required_one(kind, name):
    fields = option_schema(find_component(kind, name)).model_fields
    described = describe_component(find_source(kind, name))
    assert {o.name for o in described.options if o.default is None} == {
        name for name, field in fields.items() if field.is_required()
    }


@pytest.fixture
def own_component():
    """A component of a script: its text is nowhere to be read."""
    text = '''
class Scaled(Point):
    """A code at another scale.

    More of it.
    """

    def __init__(self, *, features: int, latent_dim: int, scale: Positive = 2.0, kind: "str | None" = None) -> None:
        super().__init__(features=features, latent_dim=latent_dim)
'''
    names = {"Point": Point, "Positive": Annotated[float, Field(gt=0)], "__name__": "a_notebook"}
    exec(compile(text, "a notebook", "exec", dont_inherit=True), names)
    return register("posterior", "scaled")(names["Scaled"])


def test_a_component_without_a_text_is_described_from_its_class(own_component):
    described = describe_component(find_source("posterior", "scaled"))
    assert described.summary == "A code at another scale."
    assert [(option.name, option.default) for option in described.options] == [("scale", "2.0"), ("kind", "None")]
    assert "float" in described.options[0].type
    assert described.options[1].type == "str | None"
    assert described.source == Source("posterior", "scaled", "a_notebook", "this process")


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("encoder/conv", "channels", "list[int ≥ 1] of 1 or more"),
        ("encoder/mlp", "activation", "relu | gelu | silu | tanh | elu | leaky_relu | sigmoid"),  # of another module
        ("encoder/mlp", "dropout", "float ≥ 0, < 1"),
        ("encoder/conv", "hidden", "int ≥ 1 | null"),
        ("likelihood/columns", "columns", "list[{likelihood: {name: NAME, OPTION: VALUE}, width: int ≥ 1}]"),
        ("objective/vae", "bound", "elbo | importance_weighted"),
        ("objective/vae", "beta_warmup", "{epochs: N} | {steps: N} | null"),
    ],
)
def test_the_values_of_an_option_are_told_in_words(name, option, values):
    kind, _, plain = name.partition("/")
    described = describe_component(find_source(kind, plain))
    assert {o.name: o.type for o in described.options}[option] == values


@every_component
def test_no_option_is_left_in_words_that_only_the_source_explains(kind, name):
    for option in describe_component(find_source(kind, name)).options:
        words = re.sub(r"[^a-zA-Z]+", " ", re.sub(r"\{.*\}", "", option.type)).split()
        # The variants of a paper have its numerals.
        assert all(word.islower() or re.fullmatch("[IVX]+", word) for word in words), option.type
