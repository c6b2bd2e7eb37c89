"""A component's constructor is its schema."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import PositiveInt

from zoo.errors import ComponentError, RecipeError
from zoo.registry import KINDS, find_component, list_components
from zoo.regularisers import Regulariser
from zoo.spec import Duration
from zoo.spec.options import check_options, construct, option_names, option_schema, wiring_of

COMPONENTS = [(kind, name) for kind in KINDS for name in list_components(kind)]
every_component = pytest.mark.parametrize(("kind", "name"), COMPONENTS)


class Part:
    """Has an option of each sort."""

    def __init__(
        self,
        *,
        features: int,
        widths: list[PositiveInt] | None = None,
        scale: float = 1.0,
        mode: Literal["fixed", "learned"] = "fixed",
        learned: bool = False,
        warmup: Duration | None = None,
        required: int,
    ) -> None:
        if scale == 13.0:
            raise ValueError("an unlucky scale")
        if scale == 14.0:
            raise RecipeError("too large", where="scale")
        self.given = {name: value for name, value in locals().items() if name != "self"}


def check(**options):
    return check_options(Part, {"required": 1, **options}, "model.part")


@every_component
def test_defaults_fulfil_their_own_types(kind, name):
    """A default that the schema would refuse could be built, but not saved and read again."""
    component = find_component(kind, name)
    required = [n for n, field in option_schema(component).model_fields.items() if field.is_required()]
    if not required:
        defaults = check_options(component, {}, kind)
        assert list(defaults) == list(option_names(component))
        assert check_options(component, defaults, kind) == defaults


@every_component
def test_wiring_is_not_an_option(kind, name):
    component = find_component(kind, name)
    assert wiring_of(component).isdisjoint(option_names(component))
    for wire in KINDS[kind].wiring:
        with pytest.raises(ComponentError, match=rf"part\.{wire}: '{wire}' is set by the model"):
            check_options(component, {wire: 3}, "part")


@every_component
def test_an_unknown_option_is_refused_with_those_there_are(kind, name):
    component = find_component(kind, name)
    with pytest.raises(ComponentError, match=r"part\.no_such_option: unknown field") as caught:
        check_options(component, {"no_such_option": 1}, "part")
    assert all(option in str(caught.value) for option in option_names(component))


def test_a_misspelt_argument_of_a_constructor_is_not_blamed_on_the_recipe_alone():
    class Mine(Regulariser):
        def __init__(self, *, latent_dimm: int) -> None: ...

        def forward(self, samples): ...

    message = (
        r"part\.latent_dimm: missing\nMine requires 'latent_dimm', which .* Did you mean 'latent_dim'\? Valid here"
    )
    with pytest.raises(ComponentError, match=message):
        check_options(Mine, {}, "part")


def test_options_are_filled_with_defaults_as_plain_data():
    assert check(warmup={"steps": 5}, widths=[1, 2]) == {
        "widths": [1, 2],
        "scale": 1.0,
        "mode": "fixed",
        "learned": False,
        "warmup": {"epochs": None, "steps": 5},
        "required": 1,
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scale": "large"}, r"model\.part\.scale: expected a number, got 'large'"),
        ({"scale": True}, r"model\.part\.scale: expected a number, got true"),
        ({"scale": float("nan")}, r"model\.part\.scale: expected a finite number, got nan"),
        ({"required": 1.0}, r"model\.part\.required: expected a whole number, got 1\.0"),
        ({"required": True}, r"model\.part\.required: expected a whole number, got true"),
        ({"learned": 1}, r"model\.part\.learned: expected true or false, got 1"),
        ({"mode": "frozen"}, r"model\.part\.mode: expected 'fixed' or 'learned', got 'frozen'"),
        ({"widths": 3}, r"model\.part\.widths: expected a list, got 3"),
        ({"widths": [1, 0]}, r"model\.part\.widths\[1\]: expected a number greater than 0, got 0"),
        ({"warmup": {}}, r"model\.part\.warmup: give exactly one of `epochs` and `steps`"),
        ({"warmup": {"epoch": 1}}, r"model\.part\.warmup\.epoch: unknown field\nDid you mean 'epochs'"),
        ({"widhts": [1]}, r"model\.part\.widhts: unknown field\nDid you mean 'widths'\? Valid here: widths, scale"),
        (
            {"scale": "a", "mode": "b"},
            r"^model\.part: 2 fields are wrong:\n  model\.part\.scale: .*\n  model\.part\.mode: ",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(options, says):
    with pytest.raises(ComponentError, match=says):
        check(**options)


def test_a_missing_option_is_named():
    with pytest.raises(ComponentError, match=r"model\.part\.required: missing"):
        check_options(Part, {}, "model.part")


def test_names_that_are_valid_beside_the_options_are_told():
    with pytest.raises(ComponentError, match="Did you mean 'binarise'"):
        check_options(Part, {"required": 1, "binarize": "static"}, "data", also_valid=["binarise"])


def test_a_long_value_is_shortened():
    with pytest.raises(ComponentError) as caught:
        check(scale="x" * 10_000)
    assert len(str(caught.value)) < 300


@given(
    st.dictionaries(
        st.sampled_from(["scale", "mode", "widths", "learned", "other"]), st.none() | st.integers() | st.text()
    )
)
def test_whatever_comes_is_checked_or_refused(options):
    try:
        checked = check(**options)
    except ComponentError:
        return
    assert check_options(Part, checked, "model.part") == checked


def test_a_component_gets_its_options_typed_and_the_wiring_it_asks_for():
    part = construct(Part, check(warmup={"steps": 5}), {"features": 3, "latent_dim": 2}, "model.part")
    assert part.given["features"] == 3
    assert part.given["warmup"] == Duration(steps=5)
    assert "latent_dim" not in part.given


def test_wiring_that_is_not_there_is_named():
    with pytest.raises(ComponentError, match=r"model\.part: it asks for 'features', which is not available here"):
        construct(Part, check(), {}, "model.part")


def test_what_a_constructor_refuses_is_told_with_its_path():
    with pytest.raises(ComponentError, match=r"model\.part: Part refuses its options: an unlucky scale"):
        construct(Part, check(scale=13.0), {"features": 3}, "model.part")
    with pytest.raises(RecipeError, match=r"model\.part\.scale: too large"):
        construct(Part, check(scale=14.0), {"features": 3}, "model.part")


def test_sizes_that_do_not_fit_the_memory_are_told():
    class Huge:
        def __init__(self, *, size: int = 10**6) -> None:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(ComponentError, match=r"model\.part: .*memory\nMake it smaller"):
        construct(Huge, {}, {}, "model.part")


def test_a_slip_in_a_component_keeps_its_traceback():
    class Slip:
        def __init__(self) -> None:
            raise RuntimeError("a slip")

    with pytest.raises(RuntimeError, match="a slip"):
        construct(Slip, {}, {}, "model.part")
