"""Posteriors over several levels, of vectors and of maps: in every objective and along every path."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

import zoo
from tests import linear_gaussian, two_levels
from zoo.model import Model
from zoo.posteriors.diagonal_gaussian import DiagonalGaussian

BOTH = pytest.mark.parametrize("posterior", ["top_down", "ladder"])
ALL = pytest.mark.parametrize("posterior", ["top_down", "ladder", "top_down_map", "ladder_map"])
PRESETS = pytest.mark.parametrize(
    "preset", ["hvae-mlp-12d", "ladder-vae-mlp-12d", "hvae-conv-4d", "ladder-vae-conv-4d"]
)


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    split = zoo.load_data({"name": "digits"}).train
    return next(split.batches(256)).x


def deep(posterior: str, levels: int = 4) -> Model:
    torch.manual_seed(0)
    if posterior.endswith("_map"):
        counts = [levels] if levels < 3 else [1, levels - 1]
        parts = {"encoder": {"channels": [4, 6]}, "decoder": {"channels": [6, 4]}}
        preset, options = "hvae-conv-4d", {"latent_dim": 1, "prior": {"levels": counts, "width": 4}, **parts}
    else:
        preset, options = "hvae-mlp-12d", {"latent_dim": 8, "prior": {"levels": levels}}
    model = zoo.build(preset, data_shape=(1, 8, 8), posterior=posterior, objective="vae", **options)
    return linear_gaussian.randomise(model)


def test_linear_levels_reach_the_true_posterior_of_two_linear_levels() -> None:
    x = two_levels.data(128)
    model = two_levels.build({"name": "top_down", "widths": []}, num_samples=16)
    linear_gaussian.fit(model, x)
    with torch.no_grad():
        gap = two_levels.log_evidence(x) - model.inference(x).draw(500).log_weights.mean(0)
    assert gap.mean().item() == pytest.approx(0.0, abs=0.01)


@BOTH
def test_one_level_is_the_plain_vae(posterior: str) -> None:
    options = {"widths": []} if posterior == "top_down" else {}
    models = [
        linear_gaussian.build({"name": posterior, **options}, {"name": "top_down", "levels": 1}, latent_dim=3),
        linear_gaussian.build("diagonal_gaussian", latent_dim=3),
    ]
    head = models[0].posterior.heads[0]
    assert isinstance(models[1].posterior, DiagonalGaussian)
    models[1].posterior.head.load_state_dict(head.state_dict())
    losses = []
    for model in models:
        torch.manual_seed(1)
        losses.append(model.loss(linear_gaussian.data(20)))
    torch.testing.assert_close(losses[0], losses[1])


@ALL
@pytest.mark.parametrize("levels", [1, 2, 4])
def test_the_closed_forms_of_the_levels_average_to_the_log_ratio(posterior: str, levels: int) -> None:
    draws = 4_000
    model = deep(posterior, levels)
    with torch.no_grad():
        samples = model.inference(torch.rand(3, 1, 8, 8)).draw(draws)
        closed, ratio = samples.kl_of_levels(), samples.log_ratio
    assert closed.shape == (levels, 3)
    assert (closed >= 0).all()
    assert ((closed.sum(0) - ratio.mean(0)).abs() < 5 * ratio.std(0) / draws**0.5).all()
    monte_carlo = samples.kl_of_levels("monte_carlo")
    torch.testing.assert_close(monte_carlo.sum(0), ratio.mean(0))


@ALL
def test_densities_of_levels_are_those_of_the_flat_latents(posterior: str) -> None:
    model = deep(posterior).double()
    samples = model.inference(torch.rand(3, 1, 8, 8, dtype=torch.float64)).draw(5)
    torch.testing.assert_close(samples.q.log_prob(samples.z), samples.log_q)
    torch.testing.assert_close(samples.p.log_prob(samples.z), samples.log_prior)
    torch.testing.assert_close(samples.inference.log_joint(samples.z), samples.log_likelihood + samples.log_prior)
    torch.testing.assert_close(samples.inference.path_log_q(samples.z), samples.log_q)


@ALL
def test_what_the_posterior_hands_over_is_what_the_decoder_would_compute(posterior: str) -> None:
    model = deep(posterior).double()
    samples = model.inference(torch.rand(3, 1, 8, 8, dtype=torch.float64)).draw(5)
    assert samples.carry is not None
    without = samples.inference.decode(samples.z)
    torch.testing.assert_close(samples.data.mean, without.mean)
    torch.testing.assert_close(samples.log_likelihood_in_chunks(2), samples.log_likelihood)


@ALL
def test_free_bits_hold_up_each_level(posterior: str) -> None:
    model = deep(posterior)
    x = torch.rand(16, 1, 8, 8)
    torch.manual_seed(1)
    divergences = model.inference(x).draw().kl_of_levels().mean(1)
    floor = divergences.mean().item()
    assert divergences.min() < floor < divergences.max()
    model.objective.free_bits.final = floor
    torch.manual_seed(1)
    loss, terms = model.loss(x)
    torch.testing.assert_close(loss, terms["reconstruction"] + divergences.clamp_min(floor).sum())


@pytest.mark.parametrize(
    ("posterior", "decoder"),
    [
        *(("top_down", "top_down"), ("ladder", "top_down"), ("top_down", "mlp"), ("ladder", "mlp")),
        *(("top_down_map", "top_down_map"), ("ladder_map", "top_down_map"), ("top_down_map", "conv")),
    ],
)
def test_every_weight_has_a_gradient(posterior: str, decoder: str) -> None:
    torch.manual_seed(0)
    preset = "hvae-conv-4d" if posterior.endswith("_map") else "hvae-mlp-12d"
    model = zoo.build(preset, data_shape=(1, 8, 8), posterior=posterior, decoder=decoder)
    model.loss(torch.rand(8, 1, 8, 8)).total.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("preset", ["hvae-mlp-12d", "ladder-vae-mlp-12d"])
def test_it_trains_and_uses_every_level(preset: str, digits: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = zoo.build(preset, data_shape=(1, 8, 8), encoder={"widths": [64]}, decoder={"widths": [64]})
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    first = model.loss(digits[:128]).total.item()
    for _ in range(120):
        optimizer.zero_grad()
        loss = model.loss(digits[:128]).total
        loss.backward()
        optimizer.step()
    assert loss.item() < first - 5
    with torch.no_grad():
        assert (model.eval().inference(digits).draw().kl_of_levels().mean(1) > 0.5).all()


def test_levels_of_maps_are_used_at_once_where_they_are_cheap(digits: torch.Tensor) -> None:
    """With a small weight of the KL term, a few steps are enough for every level to say something."""
    torch.manual_seed(0)
    sizes = {"channels": [8]}
    model = zoo.build(
        "hvae-conv-4d",
        data_shape=(1, 8, 8),
        objective={"beta": 0.1},
        encoder=sizes,
        decoder=sizes,
        posterior={"width": 12},
        prior={"width": 12},
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = model.loss(digits[:64]).terms["reconstruction"].item()
    for _ in range(30):
        optimizer.zero_grad()
        loss, terms = model.loss(digits[:64])
        loss.backward()
        optimizer.step()
    assert terms["reconstruction"].item() < first - 10
    with torch.no_grad():
        assert (model.eval().inference(digits[:64]).draw().kl_of_levels().mean(1) > 0.2).all()


@PRESETS
@pytest.mark.parametrize("objective", [{"bound": "importance_weighted", "num_samples": 3}, {"kl": "monte_carlo"}])
def test_other_bounds_train_it(preset: str, objective: dict[str, object]) -> None:
    model = zoo.build(preset, data_shape=(1, 8, 8), objective={"name": "vae", "free_bits": 0.0, **objective})
    loss, terms = model.loss(torch.rand(8, 1, 8, 8))
    loss.backward()
    assert loss.isfinite()
    assert terms["kl"] > 0


@PRESETS
def test_it_saves_shared_networks_once_and_loads_to_the_same_outputs(preset: str, tmp_path: Path) -> None:
    model = zoo.build(preset, data_shape=(1, 8, 8)).eval()
    linear_gaussian.randomise(model)
    again = zoo.load(zoo.save(model, tmp_path))
    assert again.decoder.trunk is again.latent_prior.hierarchy.trunk
    x = torch.rand(4, 1, 8, 8)

    def outputs(model: Model) -> list[torch.Tensor]:
        torch.manual_seed(0)
        return [model.reconstruct(x), model.sample(3), model.loss(x).total, model.log_likelihood(x, num_samples=20)]

    assert all(torch.equal(one, other) for one, other in zip(outputs(model), outputs(again), strict=True))


@ALL
def test_coarse_latents_follow_x_in_the_first_levels_and_the_prior_below(posterior: str) -> None:
    """Two images differ in the levels that follow them, and where both have the same levels above, in no other."""
    model = deep(posterior, 3).double()
    q = model.encode(torch.rand(2, 1, 8, 8, dtype=torch.float64))
    parts = model.posterior.coarse_to_fine(q)
    sizes = model.latent_prior.hierarchy.trunk.sizes
    assert len(parts) == len(sizes) == 3
    assert all(part.shape == (2, sum(sizes)) for part in parts)
    for one, other in itertools.pairwise(parts):
        same = [torch.equal(a, b) for a, b in zip(one.split(sizes, 1), other.split(sizes, 1), strict=True)]
        assert same == sorted(same, reverse=True)
        assert not same[-1]
    means = list(model.latent_prior.hierarchy.descend(lambda index, q: q.mean, q.choose, q.like))
    torch.testing.assert_close(parts[-1], torch.cat([place.z for place in means], 1))
    expected = list(
        model.latent_prior.hierarchy.descend(
            lambda index, p: parts[0][:, : sizes[0]] if index == 0 else p.mean, lambda index, state, p: p, q.like
        )
    )
    torch.testing.assert_close(parts[0], torch.cat([place.z for place in expected], 1))


def test_under_another_prior_the_draw_has_its_density_and_no_levels() -> None:
    model = deep("top_down").double()
    inference = model.inference(torch.rand(3, 1, 8, 8, dtype=torch.float64))
    standard = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(8).double(), 1.0), 1)
    drawn = inference.posterior.draw(torch.Size([5]), standard)
    assert drawn.levels == ()
    torch.testing.assert_close(drawn.log_q, inference.posterior.log_prob(drawn.z))


def test_labels_reach_the_encoder_and_the_decoder() -> None:
    model = zoo.build("hvae-mlp-12d", data_shape=(1, 8, 8), classes=3).eval()
    labels = torch.tensor([0, 1, 2])
    assert model.log_likelihood(torch.rand(3, 1, 8, 8), labels, num_samples=5).isfinite().all()
    assert model.sample(3, labels).shape == (3, 1, 8, 8)


def test_the_doubly_reparameterised_gradient_has_the_mean_of_the_plain_one() -> None:
    """Also of the networks that the prior and the posterior share, along which z is drawn."""
    x = two_levels.data(2).repeat_interleave(4000, 0)
    estimates = []
    for gradient in ("plain", "dreg"):
        model = two_levels.build({"name": "top_down", "widths": []}, num_samples=3)
        model = zoo.build(
            {**model.spec.to_dict(), "objective": {"name": "iwae", "num_samples": 3, "gradient": gradient}}
        )
        linear_gaussian.randomise(model, 0.1)
        parts = []
        for seed in range(8):
            torch.manual_seed(seed)
            loss = model.train().loss(x).total
            heads = [*model.posterior.heads.parameters(), *model.latent_prior.parameters()]
            parts.append(torch.cat([each.flatten() for each in torch.autograd.grad(loss, heads)]))
        estimates.append(torch.stack(parts))
    difference = estimates[0].mean(0) - estimates[1].mean(0)
    error = ((estimates[0].var(0) + estimates[1].var(0)) / 8).sqrt()
    assert (difference.abs() < 5 * error + 1e-4).all()
    assert estimates[0].mean(0).abs().max() > 20 * error.max()
