"""Figures of denoisers show what was computed, and are refused where there is nothing to show."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import zoo
from zoo.analysis.denoising import losses_by_step
from zoo.data import Data, load_data
from zoo.errors import ComponentError
from zoo.figures import EvaluationContext
from zoo.figures.denoising_excess import plot_excess
from zoo.figures.reverse_chain import plot_image_chain
from zoo.model import Model
from zoo.report.gallery import draw_figures, drawn_figures
from zoo.spec import DataSpec


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data(DataSpec(name="gaussian_mixture", size=300, held_out=300))


def denoiser(**options) -> Model:
    torch.manual_seed(0)
    objective = {"steps": 12, "beta_start": 0.01, "beta_end": 0.4, "predict": "previous"}
    return zoo.build("denoiser-mlp", network={"width": 8, "depth": 1}, objective=objective, **options).eval()


@pytest.mark.slow
def test_all_that_fit_a_denoiser_of_the_plane_are_drawn(data: Data, tmp_path: Path):
    drawn = {path.stem for path in draw_figures(EvaluationContext(denoiser(), data.test), tmp_path)}
    assert {"denoising_excess", "denoising_field", "reverse_chain", "samples"} <= drawn
    assert not drawn & {"embedding", "latent_grid", "reconstructions"}


@pytest.mark.parametrize("preset", ["denoiser-unet", "denoiser-conv-16d"])
def test_all_that_fit_a_denoiser_of_images_are_drawn(preset: str, tmp_path: Path):
    data = load_data(DataSpec(name="digits", scale="symmetric"))
    torch.manual_seed(0)
    small = {"network": {"channels": [4]}} if preset == "denoiser-unet" else {}
    model = zoo.build(preset, data_shape=(1, 8, 8), objective={"steps": 4}, **small).eval()
    context = EvaluationContext(model, data.test)
    coded = ["embedding", "reconstructions"] if preset == "denoiser-conv-16d" else []
    drawn = dict(drawn_figures(context, ["reverse_chain", "samples", *coded]))
    assert drawn.keys() == {"reverse_chain", "samples", *coded}
    assert all(figure.axes for figure in drawn.values())
    for name in ("latent_grid", "denoising_field", "denoising_excess"):
        with pytest.raises(ComponentError, match="does not apply"):
            draw_figures(context, tmp_path, [name])


def test_the_columns_of_a_chain_are_its_steps_and_the_rows_its_samples():
    states = torch.full((3, 2, 1, 8, 8), -1.0)
    states[2, 1] = 1.0  # the last step of the second sample is white
    figure = plot_image_chain(states, [12, 6, 0], (-1.0, 1.0))
    axes = figure.axes[0]
    # One channel is drawn dark on light, in whatever colours: 1 is what the largest value looks like.
    shown = axes.images[0].get_array()
    image = 1 - shown.mean(-1)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["12", "6", "0"]
    height, width = image.shape
    assert image[height - 4, width - 4] == pytest.approx(1)
    assert image[4, width - 4] == pytest.approx(0)
    assert image[height - 4, 4] == pytest.approx(0)


def test_an_excess_needs_an_oracle(data: Data):
    with pytest.raises(ValueError, match="oracle"):
        plot_excess(losses_by_step(denoiser(), data.test.examples(20), steps=3))
