"""Models side by side, and the pairs of recipes that are made for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import zoo
from zoo.data import Data
from zoo.errors import DataError, NotApplicableError
from zoo.model import Model
from zoo.report.comparison import compare


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data(zoo.load_recipe("digits").data)


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    torch.manual_seed(0)
    return {name: zoo.build(name, data_shape=(1, 8, 8)) for name in ("ae-mlp-2d", "vae-mlp-2d")}


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_pair_shares_all_but_objective_and_posterior(name: str) -> None:
    first, second = (zoo.load_recipe(f"{name}-{kind}").to_dict() for kind in ("ae", "vae"))
    for recipe in (first, second):
        recipe.pop("name")
        recipe.pop("description")
        recipe["model"].pop("preset")
        recipe["model"].pop("description")
    assert first["model"].pop("objective") != second["model"].pop("objective")
    assert first["model"].pop("posterior") != second["model"].pop("posterior")
    assert first == second


def test_the_same_metrics_of_each_and_a_dash_where_one_does_not_apply(models: dict[str, Model], data: Data) -> None:
    compared = compare(models, data, ["active_units", "elbo"])
    assert [row.heading for row in compared.table().rows] == [
        "active units",
        "ELBO [nats]",
        "reconstruction [nats]",
        "KL divergence [nats]",
    ]
    assert compared.records["vae-mlp-2d"]["metrics"] == zoo.evaluate(
        models["vae-mlp-2d"], data, ["active_units", "elbo"]
    )
    of_autoencoder, of_vae = compared.table().row("elbo", "test").entries
    assert of_autoencoder is None
    assert of_vae.value < 0
    table = compare(models, data, ["active_units"]).table().to_markdown()
    assert table.splitlines()[:2] == ["| metric | ae-mlp-2d | vae-mlp-2d |", "| --- | ---: | ---: |"]


def test_a_metric_that_applies_to_none_of_the_models_is_refused(models: dict[str, Model], data: Data) -> None:
    with pytest.raises(NotApplicableError, match="'denoising' does not apply: the model's objective is 'autoencoder'"):
        compare(models, data, ["active_units", "denoising"])


@pytest.mark.slow
def test_sources_of_samples_have_a_row_each(models: dict[str, Model], data: Data) -> None:
    compared = compare({"vae": models["vae-mlp-2d"]}, data, [{"name": "sample_quality", "examples": 60}])
    headings = [row.heading for row in compared.table().rows if row.heading.startswith("recall")]
    assert headings == ["recall, training data", "recall, from the prior", "recall, fitted prior"]


def test_a_number_has_its_standard_error_beside_it(models: dict[str, Model], data: Data) -> None:
    compared = compare(models, data, ["elbo", "active_units"])
    shown = {heading: cells for heading, *cells in compared.table().cells()}
    of_vae = compared.records["vae-mlp-2d"]
    assert shown["ELBO [nats]"][0] == "–"
    assert shown["ELBO [nats]"][1].split(" ± ")[1] == f"{of_vae['details']['elbo']['standard_error']:#.2g}"
    assert shown["active units"][1] == str(of_vae["metrics"]["active_units"])
    assert f"| ELBO [nats] | – | {shown['ELBO [nats]'][1]} |" in compared.table().to_markdown()


def test_the_figure_has_a_column_for_each_model(models: dict[str, Model], data: Data) -> None:
    figure = compare(models, data, ["mse"]).draw()
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == list(models)
    rows = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert rows == ["reconstructions", "samples\nfrom the prior", "samples\nfitted prior"]


def test_what_a_model_does_not_show_is_left_empty_in_its_place(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A denoiser without a code, put first, has neither reconstructions nor samples of a fitted prior."""
    denoiser = zoo.build("denoiser-unet", data_shape=(1, 8, 8), network={"channels": [4]}, objective={"steps": 2})
    monkeypatch.setattr("zoo.analysis.dataset_features._STEPS", 20)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # such a classifier is not for others
    scaled = zoo.load_data(zoo.load_recipe("digits-denoiser").data)
    models = {"denoiser": denoiser, "vae": zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))}
    quality = {"name": "sample_quality", "examples": 60}
    figure = compare(models, {"denoiser": scaled, "vae": data}, [quality]).draw()
    figure.draw_without_rendering()
    first, second, *_ = figure.axes
    assert first.title.get_window_extent().y0 == pytest.approx(second.title.get_window_extent().y0, abs=2)
    rows = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert rows == ["reconstructions", "samples\nfrom the prior", "samples\nfitted prior"]
    alone = compare({"denoiser": denoiser}, scaled, [quality]).draw()
    assert [axes.get_ylabel() for axes in alone.axes] == ["samples\nfrom the prior"]


def test_other_data_are_refused(models: dict[str, Model], data: Data) -> None:
    fewer = Data(data.info, data.train, None, data.validation)
    with pytest.raises(DataError, match="270 examples of digits; vae-mlp-2d: 153 examples"):
        compare(models, {"ae-mlp-2d": data, "vae-mlp-2d": fewer}, ["mse"])


def test_vectors_are_drawn_by_their_distributions() -> None:
    from zoo.data import split_of_tensor

    split = split_of_tensor(torch.randn(50, 3))
    model = zoo.build(
        {"objective": "vae", "data_shape": [3], "latent_dim": 2, "encoder": "mlp", "posterior": "diagonal_gaussian",
         "decoder": "mlp", "likelihood": "gaussian"}
    )  # fmt: skip
    figure = compare({"a": model, "b": model}, Data(split.info, split, None, split), ["mse"]).draw()
    assert len(figure.axes) >= 3
