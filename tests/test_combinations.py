"""Every combination of components trains, saves, loads and reproduces itself, or is refused with a reason."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

import zoo
from zoo.errors import ComponentError

SHAPES = {"image": (3, 9, 8), "vector": (5,)}
COMBINATIONS = list(
    itertools.product(
        [name for name in zoo.list_components("objective") if name != "denoising"],
        zoo.list_components("posterior"),
        zoo.list_components("prior"),
        zoo.list_components("likelihood"),
        zoo.list_components("encoder"),
        # `conv_map` takes latent maps, which these posteriors do not give: tests/decoders has its own tests.
        [name for name in zoo.list_components("decoder") if name != "conv_map"],
        SHAPES,
    )
)


def expected_to_fail(objective: str, posterior: str, encoder: str, decoder: str, shape: str) -> str | None:
    """Say which pair cannot work, from what the parts are."""
    if shape == "vector" and "conv" in (encoder, decoder):
        return "mlp"
    if objective == "vae" and posterior == "point":
        return "diagonal_gaussian"
    if objective == "autoencoder" and posterior != "point":
        return "point"
    return None


@pytest.mark.parametrize(
    ("objective", "posterior", "prior", "likelihood", "encoder", "decoder", "shape"),
    COMBINATIONS,
    ids=["-".join(combination) for combination in COMBINATIONS],
)
def test_combination(
    objective: str,
    posterior: str,
    prior: str,
    likelihood: str,
    encoder: str,
    decoder: str,
    shape: str,
    tmp_path: Path,
) -> None:
    spec = {
        "objective": objective,
        "data_shape": SHAPES[shape],
        "latent_dim": 3,
        "encoder": {"name": encoder, **({"widths": [16]} if encoder == "mlp" else {"channels": [4, 6]})},
        "posterior": posterior,
        "prior": prior,
        "decoder": {"name": decoder, **({"widths": [16]} if decoder == "mlp" else {"channels": [6, 4]})},
        "likelihood": likelihood,
    }
    instead = expected_to_fail(objective, posterior, encoder, decoder, shape)
    if instead is not None:
        with pytest.raises(ComponentError) as refusal:
            zoo.build(spec)
        assert instead in str(refusal.value)
        return
    torch.manual_seed(0)
    model = zoo.build(spec)
    x = torch.rand(6, *SHAPES[shape])
    before = train_a_step(model, x)
    assert before.isfinite()

    restored = zoo.load(zoo.save(model, tmp_path))
    model.eval()
    assert restored.spec == model.spec
    assert torch.equal(restored.reconstruct(x), model.reconstruct(x))
    assert torch.equal(drawn(restored, 4), drawn(model, 4))
    torch.manual_seed(1)
    loss = model.loss(x).total
    torch.manual_seed(1)
    assert torch.equal(restored.loss(x).total, loss)


def train_a_step(model: zoo.Model, x: torch.Tensor) -> torch.Tensor:
    """Take one step, and check that it reaches every parameter."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = model.loss(x).total
    loss.backward()
    unreached = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert not unreached
    optimizer.step()
    return loss.detach()


def drawn(model: zoo.Model, n: int) -> torch.Tensor:
    torch.manual_seed(2)
    return model.sample(n)


@pytest.mark.parametrize("name", [name for name in zoo.list_models() if not name.startswith("denoiser")])
@pytest.mark.parametrize("autocast", [False, True])
def test_every_preset_builds_and_takes_a_step(name: str, autocast: bool) -> None:
    model = zoo.build(name)
    x = torch.rand(2, *model.data_shape)
    labels = torch.tensor([0, 1]) if model.classes else None
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss, terms = model.loss(x, labels)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(term.isfinite() for term in terms.values())
    assert model.sample(2, labels).shape == x.shape
