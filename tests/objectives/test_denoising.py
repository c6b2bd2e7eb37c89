"""Denoising regression: its loss, its parts, its samples, and what it refuses."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from pathlib import Path
from typing import get_args

import pytest
import torch

import zoo
from tests.diffusion.mixtures import draw, random_oracle
from zoo.diffusion.parameterisations import Quantity
from zoo.errors import ComponentError, DataError, InputError, RecipeError
from zoo.model import Model
from zoo.registry import find_component
from zoo.spec.options import wiring_of

QUANTITIES = get_args(Quantity)
SIZES = {"latent_dim", "output_shape", "condition_dim"}
VECTOR_DECODERS = [
    name for name in zoo.list_components("decoder") if wiring_of(find_component("decoder", name)) <= SIZES
]
PAIRS = [(encoder, decoder) for encoder in zoo.list_components("encoder") for decoder in VECTOR_DECODERS]
PARTS = [(*pair, quantity) for pair, quantity in zip(PAIRS, itertools.cycle(QUANTITIES), strict=False)]
"""Every pair of an encoder and a decoder, and each quantity with some of them."""
PAIR = {"network": None, "encoder": "mlp", "posterior": "point", "decoder": "mlp"}
every_quantity = pytest.mark.parametrize("quantity", QUANTITIES)


def vectors(dimensions: int = 2, steps: int = 20, model: dict | None = None, **objective) -> Model:
    torch.manual_seed(0)
    chain = {"steps": steps, "beta_start": 0.01, "beta_end": 0.3}
    return zoo.build(
        "denoiser-mlp",
        data_shape=(dimensions,),
        network={"width": 16, "depth": 1},
        objective={**chain, **objective},
        **(model or {}),
    )


def stirred(model: Model) -> Model:
    """Give every parameter a value, as training would: some begin as zero."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def give(model: Model, answer) -> Model:
    """Let the network say what ``answer`` says of x_t and t, in place of what it learned."""
    model.objective.output = lambda parts, state, times, labels=None: answer(state, times)
    return model


# The loss


@every_quantity
@pytest.mark.parametrize("weighting", ["uniform", "previous"])
def test_the_loss_is_the_squared_error_of_what_it_says(quantity, weighting):
    torch.manual_seed(0)
    model = give(vectors(3, predict=quantity, weighting=weighting).train(), lambda state, times: 0.7 * state)
    x = torch.randn(40_000, 3)
    loss, terms = model.loss(x)
    chain, prediction = model.objective.chain, model.objective.prediction
    expected_previous = expected_output = 0.0
    for t in range(1, chain.steps + 1):
        times = torch.full((10_000,), t)
        before, state = chain.draw_pair(x[:10_000], times)
        raw = 0.7 * state
        expected_previous += (prediction.previous(state, raw, times) - before).square().sum(1).mean().item()
        target = before if quantity == "previous" else prediction.output(state, x[:10_000], times)
        expected_output += (raw - target).square().sum(1).mean().item()
    literal = quantity == "previous" or weighting == "previous"
    assert loss.item() == pytest.approx((expected_previous if literal else expected_output) / chain.steps, rel=0.02)
    assert terms["error_of_previous"].item() == pytest.approx(expected_previous / chain.steps, rel=0.02)


@functools.cache
def least_loss() -> float:
    """The mean over the steps of the variance of x_{t−1} given x_t, of the mixture below."""
    torch.manual_seed(1)
    oracle, floor = random_oracle(2), 0.0
    for t in range(1, 21):
        state = oracle.marginal(t).sample(torch.Size([5000]))
        floor += oracle.posterior(state, t).covariance.diagonal(dim1=-2, dim2=-1).sum(-1).mean().item() / 20
    return floor


@every_quantity
def test_the_exact_answer_has_the_floor_as_its_loss_in_every_parameterisation(quantity):
    torch.manual_seed(0)
    oracle, model = random_oracle(2), vectors(2, predict=quantity, weighting="previous").train()
    x = draw(oracle, 30_000).float()
    prediction = model.objective.prediction

    def exact(state, times):
        answer = torch.empty_like(state)
        for t in times.unique().tolist():
            chosen = times == t
            answer[chosen] = oracle.posterior(state[chosen], t).mean.float()
        a = torch.tensor([0.0] + [oracle.chain.step_back(t, t - 1).clean_weight for t in range(1, 21)])[times, None]
        b = torch.tensor([0.0] + [oracle.chain.step_back(t, t - 1).state_weight for t in range(1, 21)])[times, None]
        return prediction.output(state, (answer - b * state) / a, times)

    loss = give(model, exact).loss(x).total.item()
    assert loss == pytest.approx(least_loss(), rel=0.025)


def test_the_gradient_leads_to_the_posterior_mean():
    # One Gaussian: E[x_{t−1}|x_t] is linear in x_t, so that a linear network can say it exactly.
    torch.manual_seed(0)
    chain = vectors(1, steps=1, beta_start=0.5, beta_end=0.5, predict="previous")
    slope = torch.zeros((), requires_grad=True)
    model = give(chain.train(), lambda state, times: slope * state)
    optimizer = torch.optim.SGD([slope], lr=0.2)
    for _ in range(40):
        optimizer.zero_grad()
        model.loss(2 * torch.randn(5_000, 1)).total.backward()
        optimizer.step()
    assert slope.item() == pytest.approx(math.sqrt(0.5) * 4 / (0.5 * 4 + 0.5), abs=0.02)


def test_an_example_counts_once_in_training_and_four_times_in_evaluation_with_its_label():
    rows, seen = torch.arange(6.0).reshape(3, 2), []
    model = vectors(model={"classes": 3})

    def answer(parts, state, times, labels=None):
        seen.append((tuple(state.shape), labels.tolist()))
        return torch.zeros_like(state)

    model.objective.output = answer
    for mode in (True, False):
        model.train(mode).loss(rows, torch.tensor([0, 1, 2]))
    assert seen == [((3, 2), [0, 1, 2]), ((12, 2), [0, 1, 2] * 4)]


def test_evaluation_averages_over_more_steps_than_training():
    model = stirred(vectors())
    x = torch.randn(64, 2)
    spread = {}
    for mode in (True, False):
        model.train(mode)
        spread[mode] = torch.stack([model.loss(x).total for _ in range(100)]).std().item()
    assert spread[False] < 0.7 * spread[True]


def test_the_loss_is_float32_under_mixed_precision():
    model, x = stirred(vectors()).eval(), torch.randn(512, 2)
    torch.manual_seed(3)
    expected = model.loss(x).total
    torch.manual_seed(3)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.loss(x).total
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=0.03)


# The parts


@pytest.mark.parametrize(("encoder", "decoder", "quantity"), PARTS)
def test_any_encoder_and_decoder_train_with_time_as_condition(encoder, decoder, quantity, tmp_path: Path):
    torch.manual_seed(0)
    small = {"mlp": {"widths": [12]}, "conv": {"channels": [4]}}
    model = zoo.build(
        "denoiser-conv-16d",
        data_shape=(1, 9, 8),
        latent_dim=3,
        objective={"predict": quantity},
        encoder={"name": encoder, **small.get(encoder, {})},
        decoder={"name": decoder, **small.get(decoder, {})},
    )
    x = torch.rand(6, 1, 9, 8) * 2 - 1
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        model.loss(x).total.backward()
        optimizer.step()
    moved = dict(model.named_parameters())
    assert all(parameter.grad is not None for parameter in moved.values())
    assert moved["time_embedding.mlp.0.weight"].grad.abs().max() > 0
    loaded = zoo.load(zoo.save(model, tmp_path))
    codes = loaded.encode(x)
    assert codes.batch_shape == (6,)
    assert codes.event_shape == (3,)
    assert torch.equal(codes.mean, model.eval().encode(x).mean)
    torch.manual_seed(2)
    first = model.sample(2, steps=3)
    torch.manual_seed(2)
    assert torch.equal(first, loaded.sample(2, steps=3))
    if quantity in ("clean", "previous"):
        assert loaded.reconstruct(x).shape == x.shape
        assert loaded.decode(codes.mean).event_shape == (1, 9, 8)
    else:
        with pytest.raises(ComponentError, match="predict: clean"):
            loaded.decode(codes.mean)


def test_encode_is_the_bottleneck_at_the_cleanest_step():
    model = stirred(zoo.build("denoiser-conv-16d", data_shape=(1, 8, 8))).eval()
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    at = [
        model.posterior(model.encoder(x, model.embed(None, torch.full((3,), t))).flatten(1)).mean
        for t in (1, model.objective.chain.steps)
    ]
    torch.testing.assert_close(model.encode(x).mean, at[0])
    assert not torch.allclose(at[0], at[1])
    expected = model.objective.previous(model, x, torch.ones(3, dtype=torch.long))
    torch.testing.assert_close(model.reconstruct(x), expected, rtol=1e-4, atol=1e-4)


def test_a_network_has_no_code_and_says_what_to_use_instead():
    model = vectors()
    for attempt in (
        lambda: model.encode(torch.randn(3, 2)),
        lambda: model.decode(torch.randn(3, 2)),
        lambda: model.reconstruct(torch.randn(3, 2)),
    ):
        with pytest.raises(ComponentError, match="has no code") as refusal:
            attempt()
        assert "encoder" in str(refusal.value)
    with pytest.raises(ComponentError, match="has no posterior"):
        model.log_likelihood(torch.randn(3, 2))
    with pytest.raises(ComponentError, match="no prior"):
        _ = model.prior
    assert model.latent_dim == 0


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            {"posterior": "diagonal_gaussian", "network": None, "encoder": "mlp", "decoder": "mlp", "latent_dim": 2},
            "posterior 'diagonal_gaussian' cannot work together",
        ),
        ({"encoder": "mlp"}, "takes either"),
        ({"network": None, "latent_dim": 2}, "needs one"),
        ({"latent_dim": 2}, "has no latent dimensions"),
        (PAIR, "model.latent_dim: missing"),
        ({"objective": {"label_dropout": 0.1}}, "no labels to drop"),
        ({"objective": {"predict": "epsilon"}}, "predict"),
        ({"objective": {"steps": 0}}, "model.objective.steps"),
        ({"objective": {"beta_end": 1.0}}, "model.objective.beta_end"),
        (
            {"objective": {"schedule": "explicit", "betas": [0.1], "beta_start": None, "beta_end": None}},
            "one for each step, got 1",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_built(overrides, words):
    with pytest.raises((ComponentError, RecipeError)) as refusal:
        zoo.build("denoiser-mlp", **overrides)
    assert words in str(refusal.value)


def test_a_mask_and_regularisers_are_refused():
    with pytest.raises(ComponentError, match="takes no regularisers, got norm"):
        zoo.build("denoiser-mlp", regularisers={"norm": "code_norm"})
    with pytest.raises(ComponentError, match="no mask to show the encoder"):
        zoo.build("denoiser-conv-16d", data_shape=(1, 8, 8), mask_input=True)
    with pytest.raises(InputError, match="takes no mask"):
        vectors().loss(torch.randn(4, 2), mask=torch.ones(4, 2, dtype=torch.bool))


def test_options_that_are_left_out_give_a_thousand_steps_and_no_hidden_labels():
    objective = find_component("objective", "denoising")()
    assert objective.chain.steps == 1000
    assert objective.label_dropout == 0


# Time and labels


@pytest.mark.parametrize(
    "times", [torch.tensor([0, 1, 2]), torch.tensor([1, 2, 21]), torch.tensor([1, 2]), torch.tensor([1.0, 2.0, 3.0])]
)
def test_times_outside_the_chain_are_refused(times):
    model = vectors()
    with pytest.raises(InputError, match="times"):
        model.objective.previous(model, torch.randn(3, 2), times)


def test_labels_that_are_missing_unwanted_or_out_of_range_are_refused():
    model, plain = vectors(model={"classes": 3}), vectors()
    x = torch.randn(4, 2)
    for attempt in (
        lambda: model.loss(x),
        lambda: model.sample(4),
        lambda: model.loss(x, torch.tensor([0, 1, 2, 3])),
        lambda: model.sample(4, torch.tensor([0, 1, 2, -1])),
        lambda: plain.loss(x, torch.zeros(4, dtype=torch.long)),
        lambda: plain.sample(4, torch.zeros(4, dtype=torch.long)),
    ):
        with pytest.raises(InputError, match="label"):
            attempt()


def test_training_hides_as_many_labels_as_it_says_and_evaluation_none():
    torch.manual_seed(0)
    model = vectors(model={"classes": 3}, label_dropout=0.25)
    labels = torch.randint(3, (20_000,))
    hidden = model.train().objective._drop(model, labels) == model.label_embedding.no_class
    assert abs(hidden.float().mean() - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 20_000)
    assert torch.equal(model.eval().objective._drop(model, labels), labels)


# Samples


def test_sampling_with_the_exact_answer_gives_back_the_mixture():
    torch.manual_seed(0)
    oracle = random_oracle(2, components=2, seed=4, steps=20)
    model = vectors(2, steps=20, predict="previous")
    give(model, lambda state, times: oracle.posterior(state, int(times[0])).mean.float())
    samples = model.sample(10_000, variance="beta").double()
    law = oracle.marginal(0)
    assert (samples.mean(0) - law.mean).norm() < 0.1
    assert (samples.var(0) / law.variance - 1).abs().max() < 0.15


@every_quantity
@pytest.mark.parametrize("variance", ["beta", "posterior"])
def test_each_step_draws_around_the_estimate_with_the_variance_asked_for(quantity, variance):
    model = stirred(vectors(2, steps=6, predict=quantity)).eval()
    objective, count = model.objective, 10_000
    torch.manual_seed(0)
    states = model.sample(count, variance=variance, trajectory=True, max_rows=count)
    assert states.shape == (7, count, 2)
    for index, t in enumerate(range(6, 0, -1)):
        mean = objective.previous(model, states[index], torch.full((count,), t))
        residual = states[index + 1] - mean
        if t == 1:
            assert residual.abs().max() < 1e-3 * mean.abs().max()
            continue
        beta, shares = objective.chain.betas[t - 1].item(), objective.chain.noise_shares
        expected = beta if variance == "beta" else (beta * shares[t - 1] / shares[t]).item()
        assert residual.var().item() == pytest.approx(expected, rel=0.05)
        assert residual.mean().abs().item() < 5 * math.sqrt(expected / count)


def test_ddim_is_a_function_of_the_first_noise_and_ancestral_sampling_is_not():
    model = stirred(vectors()).eval()
    torch.manual_seed(0)
    states = model.sample(3, steps=7, method="ddim", trajectory=True)
    assert len(states) == 8
    torch.manual_seed(0)
    again = model.sample(3, method="ddim", steps=7)
    assert torch.equal(states[-1], again)
    after_start = torch.get_rng_state()
    torch.manual_seed(0)
    torch.randn(3, 2)
    assert torch.equal(torch.get_rng_state(), after_start)


def test_ddim_with_the_exact_answer_of_one_gaussian_maps_noise_to_it():
    # The exact flow of N(0, v) is x_0 = √v x_T; many small steps come near it.
    torch.manual_seed(0)
    model = vectors(1, steps=400, beta_start=0.0005, beta_end=0.05, predict="clean")
    bars, v = model.objective.chain.alpha_bars, 0.25

    def exact(state, times):
        bar = bars[int(times[0])]
        return (bar.sqrt() * v / (bar * v + 1 - bar)).float() * state

    states = give(model, exact).sample(500, method="ddim", trajectory=True)
    torch.testing.assert_close(states[-1], math.sqrt(v) * states[0], rtol=0.03, atol=1e-3)


def test_guidance_is_linear_between_no_label_and_the_label():
    torch.manual_seed(0)
    model = stirred(vectors(model={"classes": 2}, label_dropout=0.2)).eval()
    labels = torch.tensor([0, 1, 1])

    def first_step(**options) -> torch.Tensor:
        torch.manual_seed(5)
        return model.sample(3, steps=1, method="ddim", **options)

    with_class, without = first_step(labels=labels), first_step()
    for weight in (0.0, 1.0, 3.0):
        expected = without + weight * (with_class - without)
        torch.testing.assert_close(first_step(labels=labels, guidance=weight), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(with_class, without)


def test_guidance_needs_a_model_that_was_trained_for_it():
    with pytest.raises(ComponentError, match="not trained without labels"):
        vectors(model={"classes": 2}).sample(2, torch.tensor([0, 1]), guidance=2.0)
    with pytest.raises(ComponentError, match="no labels to guide by"):
        vectors(model={"classes": 2}, label_dropout=0.1).sample(2, guidance=2.0)


def test_estimates_of_images_stay_in_the_range_of_the_data():
    model = stirred(zoo.build("denoiser-unet", data_shape=(1, 8, 8), network={"channels": [4]})).eval()
    assert model.sample(4, steps=5).abs().max() <= 1
    assert model.sample(4, steps=5, clip=False).abs().max() > 1


def test_sampling_is_batched_tracks_no_gradient_and_costs_a_pass_a_step():
    model = vectors(steps=12).eval()
    passes, tracked = [], []
    model.network.register_forward_hook(lambda module, args, result: passes.append(len(args[0])))
    model.network.register_forward_hook(lambda module, args, result: tracked.append(torch.is_grad_enabled()))
    samples = model.sample(64)
    assert passes == [64] * 12
    assert not any(tracked)
    assert not samples.requires_grad
    passes.clear()
    assert model.sample(10, steps=3, max_rows=4).shape == (10, 2)
    assert passes == [4] * 3 + [4] * 3 + [2] * 3


def test_noise_ends_with_a_draw_around_the_mean():
    model = give(vectors(steps=1, beta_start=0.5, beta_end=0.5, predict="previous"), lambda x, t: torch.ones_like(x))
    torch.manual_seed(0)
    drawn = model.sample(20_000, noise=True)
    assert drawn.mean().item() == pytest.approx(1.0, abs=0.02)
    assert drawn.var().item() == pytest.approx(0.5, rel=0.03)
    torch.testing.assert_close(model.objective.sample(model, 5), torch.ones(5, 2))


def test_every_block_of_rows_has_its_own_labels_and_keeps_its_place():
    model, seen = vectors(steps=3, predict="clean", model={"classes": 5}), []

    def answer(parts, state, times, labels=None):
        seen.append((len(state), int(times[0])))
        return labels[:, None].expand(state.shape).float()

    model.objective.output = answer
    labels = torch.tensor([4, 1, 0, 3, 2])
    for max_rows, sizes in ((1, [1] * 5), (2, [2, 2, 1]), (5, [5])):
        seen.clear()
        states = model.sample(5, labels, max_rows=max_rows, trajectory=True)
        assert states.shape == (4, 5, 2)
        torch.testing.assert_close(states[-1], labels[:, None].expand(5, 2).float())
        assert seen == [(size, t) for size in sizes for t in (3, 2, 1)]
    seen.clear()
    model.sample(1025, torch.zeros(1025, dtype=torch.long), steps=1)
    assert [size for size, _ in seen] == [1024, 1]


def test_progress_is_told_after_every_pass(capsys):
    told = []
    vectors(steps=3).sample(5, max_rows=3, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    vectors(steps=3).sample(2)
    assert capsys.readouterr() == ("", "")
    vectors(steps=3).sample(2, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err != ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "sample.steps"),
        ({"steps": 21}, "whole number from 1 to 20"),
        ({"steps": 2.5}, "sample.steps"),
        ({"method": "euler"}, "sample.method"),
        ({"variance": "small"}, "sample.variance"),
        ({"max_rows": 0}, "sample.max_rows"),
        ({"guidance": "high"}, "sample.guidance"),
        ({"stride": 2}, "Available"),
        ({"guidence": 2.0}, "Did you mean 'guidance'"),
    ],
)
def test_sampling_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(InputError) as refusal:
        vectors().sample(2, **options)
    assert words in str(refusal.value)


def test_every_sampling_option_is_documented():
    sample = type(vectors().objective).sample
    for name in [*inspect.signature(sample).parameters][4:]:
        assert f"            {name}: " in sample.__doc__, name


# The data


def test_images_that_are_not_symmetric_are_refused_with_the_remedy(tmp_path: Path):
    recipe = {
        "name": "unscaled",
        "model": {"preset": "denoiser-unet", "network": {"channels": [4]}},
        "data": "digits",
        "train": {"epochs": 1},
    }
    with pytest.raises(DataError, match=r"scale: symmetric") as refusal:
        zoo.train(recipe, out=tmp_path / "run")
    assert "data.scale" in str(refusal.value)
    assert "[0, 1]" in str(refusal.value)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_vectors_that_are_not_about_one_are_refused_with_the_remedy(factor):
    with pytest.raises(DataError, match="scale: standardise"):
        vectors().objective.check_data(vectors(), factor * torch.randn(50, 2), None)


@pytest.mark.parametrize(("size", "fits"), [(0.099, False), (0.1001, True), (10.0, True), (10.1, False)])
def test_vectors_fit_from_a_tenth_to_ten(size, fits):
    model, x = vectors(), torch.full((5, 2), size)
    if fits:
        model.objective.check_data(model, x, None)
    else:
        with pytest.raises(DataError, match="root mean square"):
            model.objective.check_data(model, x, None)
    model.objective.check_data(model, x[:0], None)


@pytest.mark.parametrize("bounds", [(-1.0, 0.5), (0.0, 1.0), (-2.0, 1.0)])
def test_a_range_that_is_not_symmetric_and_missing_values_are_refused(bounds):
    model = vectors()
    with pytest.raises(DataError, match=rf"values in \[-1, 1\], got data in \[{bounds[0]:g}, {bounds[1]:g}\]"):
        model.objective.check_data(model, torch.zeros(5, 2), bounds)
    with pytest.raises(DataError, match="cannot be trained on missing values"):
        model.objective.check_data(model, torch.tensor([[0.5, torch.nan]]), (-1.0, 1.0))


def test_standardised_vectors_and_symmetric_images_are_taken():
    model = vectors()
    model.objective.check_data(model, torch.randn(50, 2), None)
    model.objective.check_data(model, torch.rand(50, 2) * 2 - 1, (-1.0, 1.0))
