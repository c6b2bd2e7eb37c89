"""What every figure promises: it draws what it says it fits, labelled, in the reader's style, and changes nothing."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MatplotlibFigure
from torch.distributions import Independent, Normal, Uniform

import zoo
from zoo.data import Data
from zoo.drawing.image_view import plot_grid
from zoo.drawing.style import COLOURS
from zoo.errors import DataError, NotApplicableError, why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import evaluation_context
from zoo.figures.embedding import plot_embedding
from zoo.figures.interpolation import Interpolation
from zoo.figures.latent_grid import LatentGrid, prior_grid
from zoo.registry import find_component
from zoo.report.gallery import applicable_figures, draw_figures, drawn_figures, write_figure

HISTORY = [
    {"epoch": e, "train": {"loss": 9.0 / e, "kl": 1.0}, "validation": {"loss": 10.0 / e, "kl": 1.0}} for e in (1, 2, 3)
]
MODELS = {
    "vae-mlp-2d": {},
    "ae-mlp-2d": {},
    "vae-mlp-full-2d": {"latent_dim": 3},
    "vae-conv-16d": {"latent_dim": 1},
    "cvae-mlp-2d": {},
}
SPECIAL = {
    "vqvae-conv-16d": {"encoder": {"channels": [4, 6]}, "decoder": {"channels": [6, 4]}, "posterior": {"codes": 8}},
    "hvae-mlp-12d": {},
    "sparse-ae-top-k-512d": {"latent_dim": 32},
    "svae-mlp-3d": {},
    "pvae-mlp-2d": {},
    "denoiser-mlp": {"data_shape": (2,), "objective": {"steps": 8}, "network": {"width": 8, "depth": 1}},
    "vae-table-8d": {"data_shape": (3,), "data_range": None},
}
"""Models for figures that fit none of the others."""
SMALL: dict[str, dict[str, object]] = {
    "denoising_excess": {"steps": 4},
    "denoising_field": {"panels": 2},
    "interpolation": {"steps": 3},
    "kl_variation": {"num_samples": [5]},
    "latent_grid": {"size": 4},
    "pairs": {"columns": 2},
    "samples_by_prior": {"count": 4},
    "traversals": {"steps": 3},
}
"""Options of figures that take long."""


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data("digits", subset=200)


def context(data: Data, preset: str = "vae-mlp-2d", **options: object) -> EvaluationContext:
    torch.manual_seed(0)
    model = zoo.build(preset, **{"data_shape": (1, 8, 8), **options})
    return evaluation_context(model.eval(), data, history=HISTORY)


@pytest.fixture(scope="module")
def shown(data: Data) -> Callable[[str], EvaluationContext]:
    """Return the context of a model by its name, the same each time."""

    @functools.cache
    def shown(preset: str) -> EvaluationContext:
        options = {**MODELS, **SPECIAL}[preset]
        plane = zoo.load_data("gaussian_mixture", subset=60)
        numbers = {(1, 8, 8): data, (2,): plane, (3,): zoo.load_data(torch.randn(60, 3).numpy())}
        return context(numbers[options.get("data_shape", (1, 8, 8))], preset, **options)

    return shown


def pixels_of(figure: MatplotlibFigure) -> bytes:
    """Return the pixels of a figure, drawn without layout and axes, which take most of the time."""
    figure.set_layout_engine(None)
    for axes in figure.axes:
        axes.set_axis_off()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


@pytest.mark.parametrize("name", zoo.list_components("figure"))
def test_every_figure_repeats_itself_and_changes_nothing(name: str, shown: Callable[[str], EvaluationContext]) -> None:
    """One model is enough: tests of every component draw the figures for many more."""
    figure = find_component("figure", name)()
    fitting = next(each for each in map(shown, [*MODELS, *SPECIAL]) if why_not(figure.check, each) is None)
    state = torch.get_rng_state()
    chosen = [{"name": name, **SMALL.get(name, {})}]
    drawn = [pixels_of(figure) for _ in range(2) for _, figure in drawn_figures(fitting, chosen)]
    assert drawn[0] == drawn[1], "the same seed draws the same pixels"
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in fitting.model.parameters())


@pytest.mark.parametrize("preset", [*MODELS, *SPECIAL])
def test_every_figure_says_why_it_does_not_draw_a_model(
    preset: str, shown: Callable[[str], EvaluationContext], tmp_path: Path
) -> None:
    for name in zoo.list_components("figure"):
        reason = why_not(find_component("figure", name)().check, shown(preset))
        if reason is not None:
            with pytest.raises(NotApplicableError, match=re.escape(f"figure '{name}' does not apply: {reason}")):
                draw_figures(shown(preset), tmp_path, [name])


@pytest.mark.slow
@pytest.mark.parametrize("preset", MODELS)
def test_all_figures_of_a_model_are_drawn(
    preset: str, shown: Callable[[str], EvaluationContext], tmp_path: Path
) -> None:
    applying = [name for name, _ in applicable_figures(shown(preset))]
    paths = draw_figures(shown(preset), tmp_path, [{"name": name, **SMALL.get(name, {})} for name in applying])
    assert [path.stem for path in paths] == applying


def test_a_figure_that_is_named_again_does_not_replace_the_first(data: Data, tmp_path: Path) -> None:
    twice = [{"name": "samples", "count": 4}, {"name": "samples", "count": 9}, "loss"]
    paths = draw_figures(context(data), tmp_path, twice)
    assert [path.name for path in paths] == ["samples.png", "samples-2.png", "loss.png"]
    assert paths[0].read_bytes() != paths[1].read_bytes()


@pytest.mark.parametrize("image_format", ["svg", "pdf"])
def test_other_formats_repeat_themselves_too(image_format: str, data: Data, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        with mpl.rc_context({"svg.hashsalt": "zoo"}):
            draw_figures(context(data), tmp_path / folder, ["reconstructions"], image_format=image_format)
    first, second = (tmp_path / folder / f"reconstructions.{image_format}" for folder in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_file_is_what_matplotlib_writes_however_often(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout is computed once, and kept for the next file."""
    monkeypatch.setattr("zoo.report.gallery.DPI", 150)  # as users get it
    expected, found = (find_component("figure", "traversals")(steps=3).draw(context(data)) for _ in range(2))
    files = [io.BytesIO() for _ in range(3)]
    expected.savefig(files[0], format="png", dpi=150, metadata={"Software": None})
    for file in files[1:]:
        write_figure(found, file, "png")
    assert files[0].getvalue() == files[1].getvalue() == files[2].getvalue()
    assert found.dpi == expected.dpi


@pytest.mark.parametrize("name", ["embedding", "interpolation", "kl_variation", "loss"])
def test_every_axis_has_a_label(name: str, data: Data) -> None:
    figure: MatplotlibFigure = find_component("figure", name)().draw(context(data))
    assert figure.axes
    for axes in figure.axes:
        named = axes.get_xlabel() or not axes.xaxis.get_visible() or not axes.get_xticks().size or axes.images
        assert named or any(axes.get_shared_x_axes().joined(axes, other) for other in figure.axes if other is not axes)


def test_the_readers_style_is_kept_and_no_global_figure_is_made(data: Data) -> None:
    with mpl.rc_context({"axes.facecolor": "#123456", "font.size": 7.0}):
        figure = find_component("figure", "embedding")().draw(context(data))
    assert mpl.colors.to_hex(figure.axes[0].get_facecolor()) == "#123456"
    assert figure.axes[0].xaxis.label.get_fontsize() == 7.0
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize(
    ("latent_dim", "font_size"),
    [(1, 13), (5, 13), *(pytest.param(*each, marks=pytest.mark.slow) for each in [(1, 10), (2, 10), (2, 13), (5, 10)])],
)
def test_nothing_is_cut_off_or_on_top_of_something_else(latent_dim: int, font_size: int, data: Data) -> None:
    """Texts and legends of one figure lie within it, and labels and titles do not meet."""
    shown = context(data, latent_dim=latent_dim)
    for name in ("interpolation", "kl_variation", "traversals", "embedding"):
        if why_not(find_component("figure", name)().check, shown) is not None:
            assert latent_dim == 1
            continue
        with mpl.rc_context({"font.size": font_size}):
            figure = find_component("figure", name)().draw(shown)
            figure.draw_without_rendering()
        width, height = figure.bbox.size
        boxes = [
            text.get_window_extent()
            for axes in figure.axes
            for text in (axes.title, axes.xaxis.label, axes.yaxis.label)
            if text.get_text() and text.get_visible()
        ]
        legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
        for box in (legend.get_window_extent() for legend in legends):
            assert -1 <= box.x0 <= box.x1 <= width + 1, name
            assert -1 <= box.y0 <= box.y1 <= height + 1, name
        for box in boxes:
            assert -1 <= box.x0 <= box.x1 <= width + 1, name
            assert -1 <= box.y0 <= box.y1 <= height + 1, name
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[i + 1 :]), name


def test_an_ellipse_is_tilted_as_the_covariance_is() -> None:
    """A strong positive correlation leans along the diagonal."""
    codes = torch.randn(50, 2)
    covariance = torch.tensor([[[1.0, 0.99], [0.99, 1.0]]])
    figure = plot_embedding(codes, None, chosen=torch.tensor([0]), covariances=covariance)
    (_, ellipse) = figure.axes[0].patches
    assert ellipse.angle % 180 == pytest.approx(45.0)
    assert ellipse.width == pytest.approx(4 * 1.99**0.5)
    assert ellipse.height == pytest.approx(4 * 0.01**0.5)
    assert ellipse.center == pytest.approx(codes[0].tolist())


def test_the_grid_has_the_second_latent_upwards(data: Data) -> None:
    """A decoder that draws z₁ in its left and z₂ in its right half shows which way each grows."""
    shown = context(data)

    def decode(z: torch.Tensor, labels: object = None) -> torch.distributions.Distribution:
        unit = torch.distributions.Normal(0.0, 1.0).cdf(z)
        halves = unit[:, None, None, :].repeat_interleave(4, -1).expand(-1, 1, 8, 8)
        return torch.distributions.Independent(torch.distributions.Normal(halves, 1.0), 3)

    shown.model.decode = decode  # type: ignore[method-assign]
    pixels = LatentGrid(size=3).draw(shown).axes[0].images[0].get_array()[:, :, 0]
    places = [2, 2 + 35, 2 + 70]
    left, right = pixels[16, places], pixels[places, 30]
    assert left[0] > left[1] > left[2], "z₁ grows to the right, and more is darker"
    assert right[0] < right[1] < right[2], "z₂ grows upwards"


def test_the_ticks_of_the_grid_are_round_and_symmetric_with_a_true_minus() -> None:
    codes = prior_grid(Independent(Normal(torch.zeros(2), torch.ones(2)), 1), 12)
    axes = plot_grid(torch.rand(144, 1, 8, 8), codes, gaps=True).axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        names = [label.get_text() for label in axis.get_ticklabels()]
        assert names == ["−1.5", "−1", "−0.5", "0", "0.5", "1", "1.5"]
        places = torch.tensor(axis.get_ticklocs())
        assert torch.allclose(places + places.flip(0), torch.full((7,), 2 * places[3].item(), dtype=places.dtype))
    assert axes.get_yticks()[0] > axes.get_yticks()[-1], "z₂ grows upwards"


def test_the_grid_follows_the_quantiles_of_any_prior() -> None:
    uniform = Independent(Uniform(torch.zeros(2), torch.tensor([1.0, 10.0])), 1)
    torch.manual_seed(0)
    codes = prior_grid(uniform, 4)
    assert codes[:4, 0].tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875], abs=0.02)
    assert codes[::4, 1].tolist() == pytest.approx([8.75, 6.25, 3.75, 1.25], abs=0.2)


def test_outliers_do_not_squeeze_the_other_points_and_are_counted() -> None:
    codes = torch.cat([torch.randn(500, 2), torch.tensor([[900.0, 0.0], [0.0, -900.0]])])
    axes = plot_embedding(codes, None).axes[0]
    assert max(map(abs, (*axes.get_xlim(), *axes.get_ylim()))) < 10
    assert axes.get_title() == "2 of 502 points lie outside"
    assert plot_embedding(codes[:500], None).axes[0].get_title() == ""


def test_more_classes_than_colours_have_other_markers() -> None:
    figure = plot_embedding(torch.randn(120, 2), torch.arange(120) % 12)
    handles = figure.legends[0].legend_handles
    looks = {(line.get_marker(), mpl.colors.to_hex(line.get_color())) for line in handles}
    assert len(looks) == len(handles) == 12


def test_dimensions_that_change_nothing_are_left_out_of_traversals(data: Data) -> None:
    """Of five latents a decoder uses the second a little and the fourth a lot."""
    shown = context(data, latent_dim=5)

    def decode(z: torch.Tensor, labels: object = None) -> torch.distributions.Distribution:
        level = 0.3 * z[:, 1] + 3 * z[:, 3]
        return Independent(Normal(level[:, None, None, None].expand(-1, 1, 8, 8), 1.0), 3)

    shown.model.decode = decode  # type: ignore[method-assign]
    shown.model.encode = lambda x, *_: Independent(Normal(torch.randn(len(x), 5), 1.0), 1)  # type: ignore
    axes = find_component("figure", "traversals")().draw(shown).axes[0]
    assert [label.get_text().partition(" ")[0] for label in axes.get_yticklabels()] == ["$z_{4}$", "$z_{2}$"]
    assert "3 more dimensions hardly change the image" in axes.get_xlabel()


def test_a_pair_that_is_not_there_is_named(data: Data) -> None:
    with pytest.raises(DataError, match="there is no class 12"):
        Interpolation(pairs=[[1, 12]]).draw(context(data))
    with pytest.raises(DataError, match="there is no example 999"):
        Interpolation(pairs=[[0, 999]], between="examples").draw(context(data))


@pytest.mark.parametrize("name", ["embedding", "kl_variation"])
def test_nothing_is_black_on_dark_paper(name: str, data: Data) -> None:
    dark = {"figure.facecolor": "black", "axes.facecolor": "black", "text.color": "white"}
    with mpl.rc_context(dark):
        figure = find_component("figure", name)().draw(context(data))
    lines = [line for axes in figure.axes for line in axes.lines]
    edges = [patch.get_edgecolor() for axes in figure.axes for patch in axes.patches]
    colours = {mpl.colors.to_hex(colour) for colour in (*(line.get_color() for line in lines), *edges)}
    assert lines
    assert "#000000" not in colours
    assert "#ffffff" in colours


def test_colours_are_told_apart_in_grey_by_more_than_one() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == 10
