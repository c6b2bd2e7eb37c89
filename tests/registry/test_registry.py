"""Components are found by kind and name; what does not fulfil the contract is refused at the door."""

from __future__ import annotations

import inspect

import pytest
import torch

import zoo
from zoo import registry
from zoo.datasets import Collection, Dataset, Stored
from zoo.errors import ComponentError
from zoo.posteriors.point import Point
from zoo.priors import Prior
from zoo.registry import KINDS, find_component, find_source, list_components, register

COMPONENTS = [(kind, name) for kind in KINDS for name in list_components(kind)]
every_component = pytest.mark.parametrize(("kind", "name"), COMPONENTS)


class Origin(Prior):
    """A standard Gaussian, to be registered in many ways."""

    def __init__(self, *, latent_dim: int, scale: float = 1.0) -> None:
        super().__init__()
        self.shape, self.scale = (latent_dim,), scale

    def forward(self):
        normal = torch.distributions.Normal(torch.zeros(self.shape), self.scale)
        return torch.distributions.Independent(normal, 1)


def own(name: str = "Own", constructor=Origin.__init__, base: type = Origin) -> type:
    """Return a class as a script or a notebook defines it."""
    return type(name, (base,), {"__module__": "__main__", "__init__": constructor})


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


@every_component
def test_every_component_names_its_source(kind, name):
    source = find_source(kind, name)
    assert (source.distribution, source.version) == ("latent-zoo", zoo.__version__)
    assert source.owner == "zoo"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_abstract_interface_and_a_component(kind):
    # A callback may define any of its methods, or none.
    assert inspect.isabstract(KINDS[kind].load_interface()) or kind == "callback"
    assert list_components(kind)


def test_names_are_listed_by_kind_and_by_pattern():
    assert zoo.list_components() == {kind: zoo.list_components(kind) for kind in KINDS}
    assert zoo.list_components("posterior", "*l_gaussian") == ["diagonal_gaussian", "full_gaussian"]
    assert zoo.list_components("posterior", "nothing*") == []


def test_a_component_of_a_script_is_used_by_name_like_any_other():
    register("prior", "origin")(own())
    assert "origin" in list_components("prior")
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior={"name": "origin", "scale": 2.0})
    assert model.prior.stddev.tolist() == [2.0, 2.0]
    with pytest.raises(ComponentError, match=r"model\.prior\.scal: .*\n.*'scale'"):
        zoo.build("vae-mlp-2d", prior={"name": "origin", "scal": 2.0})


def test_a_cell_that_runs_again_replaces_its_class():
    register("prior", "cell")(own())
    again = register("prior", "cell")(own())
    assert find_component("prior", "cell") is again


def test_two_classes_of_one_package_for_one_name_are_refused_at_once():
    register("prior", "cell")(own("First"))
    with pytest.raises(ComponentError, match=r"__main__\.First and __main__\.Second"):
        register("prior", "cell")(own("Second"))


def test_a_script_that_takes_a_built_in_name_is_told_when_it_asks():
    register("prior", "gaussian")(own())
    with pytest.raises(ComponentError, match="two owners") as caught:
        zoo.build("vae-mlp-2d", prior="gaussian")
    assert "zoo.priors.gaussian (latent-zoo" in str(caught.value)
    assert "__main__ (this process)" in str(caught.value)
    assert "another name" in str(caught.value)
    zoo.build("vae-mlp-2d", prior="standard_gaussian")


def test_an_unknown_name_is_refused_with_the_nearest_and_the_path():
    with pytest.raises(ComponentError, match=r"model\.prior: unknown prior 'gausian'\nDid you mean 'gaussian'\?"):
        zoo.build("vae-mlp-2d", prior="gausian")
    with pytest.raises(ComponentError, match=r"unknown kind 'posteriors'\nDid you mean 'posterior'\?"):
        list_components("posteriors")


def _positional(self, latent_dim: int) -> None: ...
def _anything(self, **options: float) -> None: ...
def _untyped(self, *, scale=1.0) -> None: ...
def _good(self, *, scale: float = 1.0) -> None: ...


@pytest.mark.parametrize(
    ("base", "constructor", "problem"),
    [
        (Origin, _positional, "'latent_dim' is not keyword-only"),
        (Origin, _anything, "'options' is not keyword-only"),
        (Origin, _untyped, "'scale' has no type"),
        (Point, _good, "extends zoo.priors.Prior"),
        (Prior, _good, r"does not define forward\(\)"),
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
    assert {key for key in registry._registered if key[2] != "zoo"} == set()


def test_a_class_without_a_constructor_has_no_options():
    @zoo.register("dataset", "held")
    class Held(Dataset):
        """What a notebook holds."""

        def load(self, note):
            return Collection(splits={"train": Stored(torch.rand(20, 3))}, stored_range=None)

    assert len(zoo.load_data("held", test=0, validation=0).train) == 20
    with pytest.raises(ComponentError, match=r"data\.rows: unknown field"):
        zoo.load_data("held", rows=3)
