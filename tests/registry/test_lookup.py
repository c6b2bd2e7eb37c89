"""A component is found by kind and name."""

from __future__ import annotations

import pytest

import zoo
from tests.registry.own import own
from zoo.errors import ComponentError
from zoo.registry import list_components, register


def test_a_component_of_a_script_is_used_by_name_like_any_other():
    register("prior", "origin")(own())
    assert "origin" in list_components("prior")
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior={"name": "origin", "scale": 2.0})
    assert model.prior.stddev.tolist() == [2.0, 2.0]
    with pytest.raises(ComponentError, match=r"model\.prior\.scal: .*\n.*'scale'"):
        zoo.build("vae-mlp-2d", prior={"name": "origin", "scal": 2.0})


def test_a_script_that_takes_a_built_in_name_is_told_when_it_asks():
    register("prior", "gaussian")(own())
    with pytest.raises(ComponentError, match="got two: ") as caught:
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
