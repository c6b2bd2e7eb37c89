"""Every pair of a posterior with another part trains, or is refused with a reason that names one of the two."""

from __future__ import annotations

import itertools

import pytest
import torch

import zoo
from tests.models import batch, marks_of, seed, settings_with, spec_with
from zoo.errors import ComponentError, RecipeError

OTHERS = ("objective", "prior", "decoder", "regulariser")
"""Kinds that a posterior may not go with; encoders and likelihoods do not see it, and have their laws."""
PAIRS = [
    (posterior, kind, name)
    for kind in OTHERS
    for posterior, name in itertools.product(zoo.list_components("posterior"), zoo.list_components(kind))
    if name != "denoising"
]


@pytest.mark.parametrize(
    ("posterior", "kind", "name"),
    [pytest.param(*pair, id="-".join(pair), marks=marks_of("posterior", pair[0])) for pair in PAIRS],
)
def test_a_pair_trains_or_is_refused(posterior: str, kind: str, name: str) -> None:
    model, refusals = None, []
    for setting in settings_with(posterior=posterior):
        seed(0)
        try:
            model = zoo.build(spec_with(setting, posterior=posterior, **{kind: name}))
            break
        except (ComponentError, RecipeError) as refusal:
            refusals.append(refusal)
    assert all(refusal.where for refusal in refusals)
    assert all(any(word in str(refusal) for word in ("posterior", posterior, kind, name)) for refusal in refusals)
    if model is None:
        return
    x, labels = batch(model)
    loss = model.train()(x, labels)
    assert loss.total.isfinite()
    loss.total.backward()
    assert model.eval().sample(2, None if labels is None else labels[:2]).shape == (2, *model.data_shape)


@pytest.mark.parametrize("name", [name for name in zoo.list_models() if not name.startswith("denoiser")])
def test_every_preset_builds_and_takes_a_step_in_mixed_precision(name: str) -> None:
    """A step in full precision is taken by tests/presets."""
    model = zoo.build(name)
    x = torch.rand(2, *model.data_shape)
    labels = torch.tensor([0, 1]) if model.classes else None
    with torch.autocast("cpu", torch.bfloat16):
        loss, terms = model.loss(x, labels)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(term.isfinite() for term in terms.values())
    assert model.sample(2, labels).shape == x.shape
