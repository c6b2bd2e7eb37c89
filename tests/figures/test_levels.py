"""Figures of levels: KL divergences, reconstructions from coarse to fine, and codes where they stand."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.data import Data
from zoo.errors import why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import evaluation_context
from zoo.figures.codebook import CodebookUse
from zoo.figures.kl_per_level import KlPerLevelBars, plot_levels
from zoo.figures.reconstruction_levels import ReconstructionLevels
from zoo.posteriors.two_level_quantized import TwoLevelQuantized

CONV = {"encoder": {"channels": [4, 6]}, "decoder": {"channels": [6, 4]}}
LEVELS = {
    "hvae-mlp-12d": {"prior": {"levels": 3}},
    "ladder-vae-conv-4d": {**CONV, "posterior": {"width": 4}, "prior": {"width": 4}},
    "rqvae-conv-16d": {**CONV, "posterior": {"codes": 8, "codebooks": 3}},
    "vqvae-conv-16d": {**CONV, "posterior": {"name": "two_level_quantized", "codes": 8}},
}


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data("digits", subset=120)


def context(data: Data, preset: str, **options: object) -> EvaluationContext:
    torch.manual_seed(0)
    return evaluation_context(zoo.build(preset, data_shape=(1, 8, 8), **options).eval(), data)


@pytest.mark.parametrize("preset", LEVELS)
def test_there_is_a_row_for_the_images_and_one_for_each_level(preset: str, data: Data) -> None:
    shown = context(data, preset, **LEVELS[preset])
    axes = ReconstructionLevels(count=4).draw(shown).axes[0]
    levels = 2 if preset == "vqvae-conv-16d" else 3
    expected = ["input", *(f"{count} of {levels}" for count in range(1, levels + 1))]
    assert [label.get_text() for label in axes.get_yticklabels()] == expected


@pytest.mark.parametrize("preset", ["rqvae-conv-16d", "vqvae-conv-16d"])
def test_the_last_latents_are_those_of_the_image(preset: str, data: Data) -> None:
    model = context(data, preset, **LEVELS[preset]).model
    x = data.test.examples(5)
    q = model.encode(x)
    parts = model.posterior.coarse_to_fine(q)
    torch.testing.assert_close(parts[-1], q.mean)
    assert not torch.equal(parts[0], parts[-1])
    torch.testing.assert_close(model.decode(parts[-1]).mean, model.reconstruct(x))


def test_the_first_latents_of_a_residual_quantiser_are_vectors_of_its_first_codebook(data: Data) -> None:
    model = context(data, "rqvae-conv-16d", **LEVELS["rqvae-conv-16d"]).model
    q = model.encode(data.test.examples(5))
    first, second, _ = model.posterior.coarse_to_fine(q)
    books, numbers = model.posterior.books, q.codes.sample()
    expected = books[0].vectors[numbers[:, 0]].movedim(-1, 1)
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(second - first, books[1].vectors[numbers[:, 1]].movedim(-1, 1))


def test_the_coarse_codes_of_two_levels_stand_with_the_mean_fine_vector(data: Data) -> None:
    model = context(data, "vqvae-conv-16d", **LEVELS["vqvae-conv-16d"]).model
    book = model.posterior.books[1]
    book.counts.copy_(torch.tensor([3.0, 1.0, *[0.0] * 6]))
    coarse, _ = model.posterior.coarse_to_fine(model.encode(data.test.examples(5)))
    expected = 0.75 * book.vectors[0] + 0.25 * book.vectors[1]
    torch.testing.assert_close(coarse[:, 8:], expected[:, None, None].expand(5, 8, 2, 2))


def test_many_levels_are_thinned_out_to_the_rows_that_fit(data: Data) -> None:
    shown = context(data, "hvae-mlp-12d", prior={"levels": 12})
    axes = ReconstructionLevels(count=2, rows=4).draw(shown).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["input", "1 of 12", "5 of 12", "8 of 12", "12 of 12"]


@pytest.mark.parametrize("figure", [ReconstructionLevels(), KlPerLevelBars()])
@pytest.mark.parametrize("preset", ["vae-mlp-2d", "vqvae-conv-16d"])
def test_latents_of_one_level_are_refused(figure: ReconstructionLevels, preset: str, data: Data) -> None:
    assert why_not(figure.check, context(data, preset)) == "the latents have a single level"


def test_a_bar_is_as_high_as_the_mean_and_names_the_latents() -> None:
    divergences = torch.tensor([[1.0, 3.0], [0.0, 0.5]])
    axes = plot_levels(divergences, [1, 16]).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [2.0, 0.25]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1\n2 nats\n1 latent", "2\n0.25 nats\n16 latents"]
    assert axes.get_title().startswith("2.25 nats in all")


def test_the_bars_are_the_metric(data: Data) -> None:
    preset = "ladder-vae-conv-4d"
    shown = context(data, preset, **LEVELS[preset])
    bars = KlPerLevelBars(num_samples=200).draw(shown).axes[0].patches
    metric = {"name": "kl_per_level", "num_samples": 200}
    expected = zoo.evaluate(shown.model, data, [metric])["kl_per_level"]
    assert [bar.get_height() for bar in bars] == pytest.approx(expected, rel=0.1, abs=0.02)


@pytest.mark.parametrize(("preset", "rows"), [("vqvae-conv-16d", 3), ("rqvae-conv-16d", 4), ("fsq-conv-3d", 2)])
def test_codes_stand_below_their_images_in_a_row_for_each_codebook(preset: str, rows: int, data: Data) -> None:
    shown = context(data, preset, **LEVELS.get(preset, CONV))
    axes = CodebookUse(count=4).draw(shown).axes[1]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == rows
    assert names[0] == "image"
    assert names[1] == ("codes" if rows == 2 else "codebook 1")


def test_code_maps_of_two_levels_have_their_own_sizes() -> None:
    posterior = TwoLevelQuantized(feature_shape=(4, 3, 3), latent_dim=4, codes=16)
    indices = torch.arange(4 + 9).expand(2, -1)
    top, bottom = posterior.code_maps(indices)
    assert top[0].tolist() == [[0, 1], [2, 3]]
    assert bottom[0].tolist() == [[4, 5, 6], [7, 8, 9], [10, 11, 12]]
