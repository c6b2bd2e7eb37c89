"""Models side by side, and the pairs of recipes that are made for it."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.data import Data
from zoo.errors import DataError, InputError
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


def test_the_same_figures_of_each_and_a_dash_where_one_does_not_apply(models: dict[str, Model], data: Data) -> None:
    compared = compare(models, data, ["mse", "active_units"])
    assert [name for name, _ in compared.rows()] == ["mse", "active_units"]
    for name, model in models.items():
        assert compared.records[name]["metrics"] == zoo.evaluate(model, data, ["mse", "active_units"])
    by_default = dict(compare(models, data).rows())
    assert by_default["elbo"][0] is None
    assert by_default["elbo"][1] < 0
    table = compare(models, data, ["mse"]).to_markdown()
    assert table.splitlines()[:2] == ["| figure | ae-mlp-2d | vae-mlp-2d |", "| --- | ---: | ---: |"]


def test_a_figure_has_its_standard_error_beside_it(models: dict[str, Model], data: Data) -> None:
    compared = compare(models, data)
    shown = {name: cells for name, *cells in compared.cells()}
    of_vae = compared.records["vae-mlp-2d"]["metrics"]
    assert shown["elbo"][0] == "–"
    assert shown["elbo"][1].split(" ± ")[1] == f"{of_vae['elbo_standard_error']:.2g}"
    assert shown["active units"][1] == str(of_vae["active_units"])
    assert f"| elbo | – | {shown['elbo'][1]} |" in compared.to_markdown()


def test_the_picture_has_a_column_a_model(models: dict[str, Model], data: Data) -> None:
    picture = compare(models, data, ["mse"]).draw()
    assert [axes.get_title() for axes in picture.axes if axes.get_title()] == list(models)
    rows = [axes.get_ylabel() for axes in picture.axes if axes.get_ylabel()]
    assert rows == ["reconstructions", "samples\nprior", "samples\naggregate"]


def test_what_a_model_does_not_show_is_left_empty_in_its_place(data: Data) -> None:
    """A denoiser without a code, put first, has neither reconstructions nor aggregate samples."""
    denoiser = zoo.build("denoiser-unet", data_shape=(1, 8, 8), network={"channels": [4]}, objective={"steps": 2})
    scaled = zoo.load_data(zoo.load_recipe("digits-denoiser").data)
    models = {"denoiser": denoiser, "vae": zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))}
    picture = compare(models, {"denoiser": scaled, "vae": data}, ["sample_quality"]).draw()
    picture.draw_without_rendering()
    first, second, *_ = picture.axes
    assert first.title.get_window_extent().y0 == pytest.approx(second.title.get_window_extent().y0, abs=2)
    rows = [axes.get_ylabel() for axes in picture.axes if axes.get_ylabel()]
    assert rows == ["reconstructions", "samples\nprior", "samples\naggregate"]
    alone = compare({"denoiser": denoiser}, scaled, ["sample_quality"]).draw()
    assert [axes.get_ylabel() for axes in alone.axes] == ["samples\nprior"]


def test_other_data_are_refused(models: dict[str, Model], data: Data) -> None:
    fewer = Data(data.info, data.train, None, data.validation)
    with pytest.raises(DataError, match="270 examples of digits; vae-mlp-2d: 153 examples"):
        compare(models, {"ae-mlp-2d": data, "vae-mlp-2d": fewer}, ["mse"])


def test_only_images_are_drawn() -> None:
    from zoo.data import split_of_tensor

    split = split_of_tensor(torch.randn(50, 3))
    model = zoo.build(
        {"objective": "vae", "data_shape": [3], "latent_dim": 2, "encoder": "mlp", "posterior": "diagonal_gaussian",
         "decoder": "mlp", "likelihood": "gaussian"}
    )  # fmt: skip
    with pytest.raises(InputError, match="only models of images"):
        compare({"a": model, "b": model}, Data(split.info, split, None, split), ["mse"]).draw()
