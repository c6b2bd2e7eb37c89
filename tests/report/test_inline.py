"""What a notebook shows: an explorer in a frame of its own, the card of a run, and reprs of one line."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import NotApplicableError
from zoo.report.inline import run_card


@pytest.fixture(scope="module")
def model():
    return zoo.load("vae-mlp-2d.digits")


@pytest.fixture(scope="module")
def data():
    return zoo.load_data("digits", subset=60)


@pytest.fixture(scope="module")
def shown(model, data):
    return zoo.explore(model, data.test)


def test_the_explorer_is_a_page_of_its_own_in_a_frame_without_access_to_the_notebook(shown):
    frame = shown._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in frame
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == shown.html
    assert "https://" not in shown.html


@pytest.mark.slow
def test_the_explorer_runs_inside_a_notebook(shown, visit):
    opened = visit(f"<!DOCTYPE html><body>{shown._repr_html_()}</body>")
    frame = opened.tab.frame_locator("iframe")
    frame.locator("#explorer[data-ready]").wait_for(timeout=20_000)
    assert frame.locator("#coordinates").text_content()
    assert opened.complaints == []


def test_the_explorer_takes_data_in_memory_and_is_saved_for_a_browser(model, tmp_path):
    images = np.random.default_rng(0).integers(0, 17, size=(20, 8, 8)).astype(np.uint8)
    page = zoo.explore(model, images)
    assert page.save(tmp_path / "page.html").read_text() == page.html
    assert repr(page).startswith("Page('Latent space of vae-mlp-2d'")


def test_a_model_without_latents_cannot_be_explored():
    with pytest.raises(NotApplicableError, match="the model has no latent space"):
        zoo.explore(zoo.build("denoiser-mlp"), torch.randn(10, 2))


def test_the_card_of_a_run_shows_metrics_and_figures_and_escapes_what_others_wrote(tmp_path):
    run = zoo.fit(
        np.random.default_rng(0).normal(size=(60, 3)),
        out=tmp_path / "run",
        epochs=1,
        evaluation={"metrics": ["elbo", "mse"], "figures": ["loss", "embedding"]},
        quiet=True,
    )
    card = run._repr_html_()
    assert card.count("<img src=") == len(run.figures) == 2
    assert card.count("data:image/png;base64,") == 2
    assert "ELBO" in card
    assert str(run.path) in card
    foul = run.recipe.model_copy(update={"description": "<script>alert(1)</script>"})
    written = run_card(run.path, foul, run.model, run.metrics, run.evaluation, run.figures)
    assert "<script>" not in written
    assert run_card(run.path, run.recipe, run.model, [], {}, []).startswith("<div")
    assert repr(run).startswith(f"Run({str(run.path)!r}: 1 epoch, elbo ")
    assert len(repr(run)) < 300


def test_many_figures_are_folded_away(model, tmp_path):
    paths = [tmp_path / f"{name}.png" for name in "abcdefg"]
    for path in paths:
        Image.new("RGB", (4, 4)).save(path)
    recipe = zoo.load_recipe("digits")
    card = run_card(tmp_path, recipe, model, [], {}, paths)
    assert card.count("<img") == 7
    assert "<summary>3 more figures</summary>" in card


def test_reprs_are_one_line(model, data):
    for thing in (model, data, data.train, data.info):
        assert "\n" not in repr(thing)
        assert len(repr(thing)) < 200
    assert repr(data) == "Data(digits: 60 train, 153 validation, 270 test examples of shape (1, 8, 8), 10 classes)"
    assert repr(data.train) == "Split(60 examples of shape (1, 8, 8) of digits, labels of 10 classes)"
    assert repr(data.info) == "DataInfo(digits: examples of shape (1, 8, 8) in [0, 1], 10 classes)"
    assert re.fullmatch(
        r"Model\(vae-mlp-2d: vae; mlp → diagonal_gaussian → mlp, bernoulli; data \(1, 8, 8\), 2 latents, "
        r"[\d,]+ parameters\)",
        repr(model),
    )
    assert repr(zoo.build("denoiser-mlp")).startswith("Model(denoiser-mlp: denoising; mlp; data (2,), ")


def test_samples_repeat_with_a_seed_and_leave_the_generators_alone(model):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one = model.sample(3, seed=0)
    assert torch.equal(one, model.sample(3, seed=0))
    assert not torch.equal(one, model.sample(3, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(model.sample(3), model.sample(3))
