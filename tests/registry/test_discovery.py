"""Components are listed by kind and name, with where they come from."""

from __future__ import annotations

import pytest

import zoo
from zoo.registry import KINDS, find_source, list_components

COMPONENTS = [(kind, name) for kind in KINDS for name in list_components(kind)]
every_component = pytest.mark.parametrize(("kind", "name"), COMPONENTS)


@every_component
def test_every_component_names_its_source(kind, name):
    source = find_source(kind, name)
    assert (source.distribution, source.version) == ("latent-zoo", zoo.__version__)
    assert source.owner == "zoo"


def test_names_are_listed_by_kind_and_by_pattern():
    assert zoo.list_components() == {kind: zoo.list_components(kind) for kind in KINDS}
    assert zoo.list_components("posterior", "*l_gaussian") == ["diagonal_gaussian", "full_gaussian"]
    assert zoo.list_components("posterior", "nothing*") == []
