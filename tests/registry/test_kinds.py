"""Each kind has an interface and components."""

from __future__ import annotations

import inspect

import pytest

from zoo.registry import KINDS, list_components


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_abstract_interface_and_a_component(kind):
    # A callback may define any of its methods, or none.
    assert inspect.isabstract(KINDS[kind].load_interface()) or kind == "callback"
    assert list_components(kind)
