"""Figures of data other than images: tables by their columns, series as lines, vectors; each says what it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure

import zoo
from zoo.analysis.columns import Column, columns_of
from zoo.drawing.row_view import draw_marginals
from zoo.drawing.series_view import SeriesView
from zoo.drawing.style import new_figure
from zoo.errors import why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import evaluation_context
from zoo.figures.correlations import correlations, plot_correlations
from zoo.figures.pairs import plot_pairs
from zoo.registry import find_component
from zoo.report.comparison import compare
from zoo.report.gallery import drawn_figures

EVERYWHERE = {"samples", "reconstructions", "latent_grid", "traversals", "interpolation", "embedding"}
APPLY = {
    "table": EVERYWHERE | {"pairs", "correlations"},
    "series": EVERYWHERE,
    "vectors": EVERYWHERE | {"correlations"},
}


def birds(count: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    species = rng.integers(0, 2, count)
    length = rng.normal(40 + 8 * species, 2)
    frame = pd.DataFrame(
        {
            "bill length [$mm$]": length,
            "weight": 90 * length + rng.normal(0, 100, count),
            "depth": rng.normal(17, 1, count),
            "island": np.array(["Biscoe", "Dream"])[species],
            "seen": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, count), unit="D"),
            "species": np.array(["Adelie", "Gentoo"])[species],
        }
    )
    frame.loc[::9, ["weight", "island"]] = None
    return frame


def shown(kind: str) -> EvaluationContext:
    rng = np.random.default_rng(0)
    if kind == "table":
        data, preset = zoo.load_data(birds(), y="species"), "vae-table-8d"
    elif kind == "series":
        labels = rng.integers(0, 2, 60)
        data, preset = zoo.load_data(10 + rng.normal(size=(60, 2, 12)), y=labels, series=True), "vae-series-8d"
    else:
        data, preset = zoo.load_data(rng.normal(size=(60, 3))), "vae-mlp-2d"
    torch.manual_seed(0)
    model = zoo.build(preset, latent_dim=2, **zoo_fields(data, preset)).eval()
    return evaluation_context(model, data, history=[])


def zoo_fields(data: Any, preset: str) -> dict[str, Any]:
    info = data.info
    fields = {"data_shape": info.data_shape, "data_range": None, "data": info.description}
    return fields | ({"likelihood": "gaussian"} if preset == "vae-mlp-2d" else {})


@pytest.fixture(scope="module", params=sorted(APPLY))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def context(kind: str) -> EvaluationContext:
    return shown(kind)


@pytest.fixture(scope="module")
def drawn(kind: str, context: EvaluationContext) -> dict[str, MatplotlibFigure]:
    chosen = [
        {"name": name} | ({"paths": ["linear"]} if name == "interpolation" else {}) for name in sorted(APPLY[kind])
    ]
    return dict(drawn_figures(context, chosen))


def test_figures_of_models_apply_and_draw(
    kind: str, context: EvaluationContext, drawn: dict[str, MatplotlibFigure]
) -> None:
    usable = {
        name
        for name in zoo.list_components("figure")
        if why_not(find_component("figure", name)().check, context) is None
    }
    assert usable >= APPLY[kind]
    assert drawn.keys() == APPLY[kind]
    assert all(figure.axes for figure in drawn.values())


def texts(figure: MatplotlibFigure) -> list[str]:
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *(each.get_text() for each in axes.texts)]
        found += [tick.get_text() for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())]
        found += [tick.get_text() for child in axes.child_axes for tick in child.get_xticklabels()]
    return [text.replace("\\$", "$") for text in found]


@pytest.mark.slow
def test_names_of_columns_categories_and_classes_stand_on_the_axes() -> None:
    context = shown("table")
    for name in ("samples", "reconstructions", "pairs", "correlations", "traversals", "latent_grid"):
        ((_, figure),) = drawn_figures(context, [name])
        words = "\n".join(texts(figure))
        assert "bill length [$mm$]" in words, name
        assert "Dream" in words or name == "pairs", name
    ((_, figure),) = drawn_figures(context, [{"name": "interpolation", "paths": ["linear"]}])
    assert "class Adelie to class Gentoo" in texts(figure)


def test_columns_of_classes_are_named_above_reconstructions() -> None:
    data = zoo.load_data("digits")
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()
    ((_, figure),) = drawn_figures(evaluation_context(model, data), [{"name": "reconstructions", "count": 3}])
    assert {"0", "1", "2"} <= set(texts(figure))


def test_a_figure_says_below_its_panels_which_model_and_data_it_shows(
    context: EvaluationContext, drawn: dict[str, MatplotlibFigure]
) -> None:
    preset, name = context.model.spec.preset, context.split.info.title or context.split.info.name
    figure = drawn["traversals"]
    figure.draw_without_rendering()
    words = figure.texts[-1]
    assert words.get_text() == f"{preset} · {name}, {len(context.split)} examples"
    box, bounds = words.get_window_extent(), figure.bbox
    assert bounds.x0 <= box.x0 <= box.x1 <= bounds.x1
    assert bounds.y0 <= box.y0
    assert all(axes.get_tightbbox().y0 >= box.y1 - 1 for axes in figure.axes)


def test_a_comparison_says_below_its_panels_which_data_it_shows() -> None:
    data = zoo.load_data("digits")
    figure = compare({"one": zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))}, data, ["mse"]).draw()
    assert figure.texts[-1].get_text() == "digits, 270 examples"


def test_a_file_is_named_in_the_figures_of_its_data(tmp_path: Path) -> None:
    birds().to_csv(tmp_path / "birds.csv", index=False)
    assert zoo.load_data({"name": "table", "path": str(tmp_path / "birds.csv")}).info.title == "birds.csv"
    np.save(tmp_path / "rows.npy", np.zeros((20, 3), dtype="float32"))
    assert zoo.load_data({"name": "arrays", "path": str(tmp_path / "rows.npy")}).info.title == "rows.npy"


def test_columns_come_in_their_units() -> None:
    frame = birds().drop(columns="species")
    data = zoo.load_data(frame, validation=0.0, test=0.0)
    found = {
        column.name: column
        for column in columns_of(data.train.examples(torch.arange(len(frame))), data.info.description)
    }
    order = np.argsort(frame["depth"].to_numpy())
    assert np.allclose(np.sort(found["depth"].values), frame["depth"].to_numpy()[order], atol=1e-4)
    weights = found["weight"].values
    assert np.isnan(weights).sum() == frame["weight"].isna().sum()
    assert np.nanmean(weights) == pytest.approx(frame["weight"].mean(), rel=1e-5)
    assert found["seen"].kind == "date"
    days = (frame["seen"] - pd.Timestamp("1970-01-01")).dt.days
    assert np.allclose(np.sort(found["seen"].values), np.sort(days), atol=0.01)
    assert found["island"].categories == ("Biscoe", "Dream")
    known = found["island"].values[~np.isnan(found["island"].values)]
    assert (known == 1).mean() == pytest.approx((frame["island"].dropna() == "Dream").mean())


def panel() -> Axes:
    return new_figure(3, 3).subplots()


def test_marginals_are_shares_of_the_known_rows() -> None:
    axes = panel()
    data = Column("pet", np.array([0.0, 1, 1, np.nan, 1]), "category", ("cat", "dog"))
    draw_marginals(axes, {"data": data, "samples": data._replace(values=np.array([0.0, 0, 0, 1]))})
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([0.75, 0.25, 0.25, 0.75]), "dogs, which are more in the data, come first"
    axes = panel()
    given, drawn = Column("x", np.array([0.0, 1, np.nan])), Column("x", np.array([0.5, 0.5, 1e9]))
    draw_marginals(axes, {"data": given, "samples": drawn})
    tops = [max(patch.get_path().vertices[:, 1]) for patch in axes.patches]
    assert tops == pytest.approx([0.5, 2 / 3]), "an extreme sample counts, and lies outside"
    assert axes.get_xlim()[1] < 2


def test_correlations_are_those_of_numpy_and_leave_out_missing_pairs() -> None:
    x = torch.randn(50, 4, dtype=torch.double) @ torch.randn(4, 4, dtype=torch.double)
    assert np.allclose(correlations(x), np.corrcoef(x.numpy().T))
    holes = x.clone()
    holes[::3, 0] = torch.nan
    rest = np.corrcoef(x[np.arange(50) % 3 != 0].numpy().T)
    assert np.allclose(correlations(holes)[0], rest[0])
    assert np.allclose(correlations(holes)[1:, 1:], np.corrcoef(x.numpy().T)[1:, 1:])
    constant = torch.stack([x[:, 0], torch.ones(50)], 1)
    assert np.isnan(correlations(constant)[0, 1])
    figure = plot_correlations(np.eye(2), np.array([[1.0, 0.3], [0.3, 1.0]]), ["a", "b"])
    assert figure.axes[2].get_title() == "samples − data, root mean square 0.3"


def test_pairs_have_data_below_and_samples_above_the_diagonal() -> None:
    data = [Column("a", np.arange(4.0)), Column("b", np.arange(4.0) + 10)]
    samples = [Column("a", np.zeros(4)), Column("b", np.zeros(4) + 12)]
    figure = plot_pairs(data, samples)
    above, below = figure.axes[1].lines[0], figure.axes[2].lines[0]
    assert below.get_xdata().tolist() == [0, 1, 2, 3]
    assert below.get_ydata().tolist() == [10, 11, 12, 13]
    assert above.get_xdata().tolist() == [12] * 4
    assert above.get_ydata().tolist() == [0] * 4


def test_series_are_drawn_in_their_units_with_a_band_of_two_deviations() -> None:
    context = shown("series")
    data = context.model.data
    view = SeriesView(data)
    x = torch.zeros(1, 2, 12)
    figure = view.reconstructions(x, x, torch.ones(1, 2, 12), [], 1)
    scale = (
        np.reshape(data.scaling.span, (2, 12)) if len(data.scaling.span) > 1 else np.full((2, 12), data.scaling.span)
    )
    mean = np.broadcast_to(
        np.reshape(data.scaling.shift, (2, 12)) if len(data.scaling.shift) > 1 else data.scaling.shift, (2, 12)
    )
    assert np.allclose(figure.axes[0].lines[1].get_ydata(), mean[0], atol=1e-4)
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx((mean[0] + 2 * scale[0]).max(), rel=1e-4)
    assert band.min() == pytest.approx((mean[0] - 2 * scale[0]).min(), rel=1e-4)


def test_the_band_of_samples_holds_nine_tenths_of_the_values() -> None:
    values = torch.arange(101.0)[:, None, None].expand(-1, 1, 3)
    view = SeriesView(zoo.build("vae-series-8d", data_shape=(1, 3)).data)
    figure = view.samples({"data": values, "samples": values})
    band = figure.axes[1].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((5.0, 95.0))
    assert re.search("step", figure.axes[0].get_xlabel())
