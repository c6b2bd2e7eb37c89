"""A class that does not fulfil the contract of its kind is refused when it is registered."""

from __future__ import annotations

import inspect

import pytest
import torch

import zoo
from tests.registry.own import Origin, own
from zoo.datasets import Collection, Dataset, Stored
from zoo.errors import ComponentError
from zoo.posteriors.point import Point
from zoo.priors import Prior
from zoo.registry import KINDS, find_component, list_components, register
from zoo.registry.registration import registered

COMPONENTS = [(kind, name) for kind in KINDS for name in list_components(kind)]
every_component = pytest.mark.parametrize(("kind", "name"), COMPONENTS)


@every_component
def test_every_component_fulfils_its_contract(kind, name):
    component = find_component(kind, name)
    assert issubclass(component, KINDS[kind].load_interface())
    assert component.__module__ == f"{KINDS[kind].package}.{name}", "one file a component, called like it"
    for parameter in list(inspect.signature(component.__init__).parameters.values())[1:]:
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.annotation is not parameter.empty
        # None serves those who construct a component themselves.
        assert parameter.default in (parameter.empty, None) or parameter.name not in KINDS[kind].wiring


def test_a_cell_that_runs_again_replaces_its_class():
    register("prior", "cell")(own())
    again = register("prior", "cell")(own())
    assert find_component("prior", "cell") is again


def test_two_classes_of_one_package_for_one_name_are_refused_at_once():
    register("prior", "cell")(own("First"))
    with pytest.raises(ComponentError, match=r"__main__\.First and __main__\.Second"):
        register("prior", "cell")(own("Second"))


def _positional(self, latent_dim: int) -> None: ...
def _anything(self, **options: float) -> None: ...
def _untyped(self, *, scale=1.0) -> None: ...
def _good(self, *, scale: float = 1.0) -> None: ...


@pytest.mark.parametrize(
    ("base", "constructor", "problem"),
    [
        (Origin, _positional, "got 'latent_dim', which is not"),
        (Origin, _anything, "got 'options', which is not"),
        (Origin, _untyped, "got 'scale' without one"),
        (Point, _good, "extends zoo.priors.Prior"),
        (Prior, _good, r"class that defines forward\(\)"),
    ],
)
def test_a_class_that_breaks_the_contract_is_refused_at_the_door(base, constructor, problem):
    with pytest.raises(ComponentError, match=problem) as caught:
        register("prior", "broken")(own("Broken", constructor, base))
    assert "prior 'broken' (__main__.Broken)" in str(caught.value)
    assert "broken" not in list_components("prior")


def test_only_classes_are_components():
    with pytest.raises(ComponentError, match="extends"):
        register("prior", "function")(lambda: None)
    with pytest.raises(ComponentError, match="unknown kind"):
        register("priors", "origin")(own())


def _tensor(self, *, latent_dim: int, start: torch.Tensor | None = None) -> None: ...
def _nowhere(self, *, latent_dim: int, start: "OnlyForTypes" = 1) -> None: ...  # noqa: F821, UP037


@pytest.mark.parametrize("constructor", [_tensor, _nowhere])
def test_an_option_that_no_recipe_can_hold_is_named(constructor):
    register("prior", "odd")(own("Odd", constructor))
    with pytest.raises(ComponentError, match=r"__main__\.Odd: an option's type cannot be checked"):
        zoo.build("vae-mlp-2d", prior="odd")


def _refuses(self, *, latent_dim: int, scale: float = 1.0) -> None:
    raise ValueError("expected a scale above 2")


def test_a_value_that_a_constructor_refuses_is_reported_with_its_path():
    register("prior", "picky")(own("Picky", _refuses))
    with pytest.raises(ComponentError, match=r"model\.prior: Picky refuses its options: expected a scale above 2"):
        zoo.build("vae-mlp-2d", prior="picky")


def test_tests_leave_the_registry_as_it_was():
    assert {key for key in registered if key[2] != "zoo"} == set()


def test_a_class_without_a_constructor_has_no_options():
    @zoo.register("dataset", "held")
    class Held(Dataset):
        """What a notebook holds."""

        def load(self, note):
            return Collection(splits={"train": Stored(torch.rand(20, 3))}, stored_range=None)

    assert len(zoo.load_data("held", test=0, validation=0).train) == 20
    with pytest.raises(ComponentError, match=r"data\.rows: unknown field"):
        zoo.load_data("held", rows=3)
