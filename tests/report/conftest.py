"""A trained model to report on, models of every kind, and a browser to look at their pages."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.data import Split, split_of_tensor
from zoo.evaluation.context import EvaluationContext
from zoo.report.gallery import drawn_figures
from zoo.report.page import render_report
from zoo.runs.run import Run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVALUATION = {"dataset": "random", "split": "test", "examples": 30, "seed": 0, "metrics": {"mse": 0.25}}

KINDS: dict[str, dict[str, Any]] = {
    "vae": {"model": "vae-mlp-2d", "data_shape": (1, 8, 8)},
    "autoencoder": {"model": "ae-mlp-2d", "data_shape": (1, 8, 8)},
    "full covariance": {"model": "vae-mlp-full-2d", "data_shape": (1, 8, 8)},
    "line": {"model": "vae-mlp-2d", "latent_dim": 1, "data_shape": (1, 8, 8)},
    "plane of many dimensions": {"model": "vae-conv-16d", "data_shape": (1, 10, 8)},
    "colour": {"model": "vae-conv-16d", "data_shape": (3, 8, 12), "latent_dim": 2},
    "conditional": {"model": "cvae-mlp-2d", "data_shape": (1, 8, 8), "classes": 3},
    "denoiser with a code": {"model": "denoiser-conv-16d", "data_shape": (1, 8, 8), "objective": {"steps": 5}},
    "vector": {"model": "vae-mlp-2d", "data_shape": (4,)},
    "series": {"model": "vae-series-8d", "data_shape": (2, 20), "latent_dim": 2},
}
"""Models whose latent space can be explored."""


def context_of_kind(name: str, count: int = 30) -> EvaluationContext:
    """Return an untrained model of a kind with random data of its shape."""
    return context_of_spec(**KINDS[name], count=count)


def context_of_spec(*, model: str, count: int = 30, **options: Any) -> EvaluationContext:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = zoo.build(model, **options).eval()
        # Weights as they begin give grey images that differ by less than a grey level.
        for parameter in built.parameters():
            parameter.data.mul_(2)
        low, high = built.spec.data_range or (0.0, 1.0)
        x = low + (high - low) * torch.rand(count, *built.data_shape)
    labels = torch.arange(count) % built.classes if built.classes else None
    return EvaluationContext(built, split_of_tensor(x, labels))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with a coarse map and without figures, which other tests cover."""
    monkeypatch.setattr("zoo.report.page.drawn_figures", lambda *arguments, **options: iter(()))
    monkeypatch.setattr("zoo.report.page._EXPLORER_BUDGETS", (60_000, 60_000))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A VAE of the digits, trained further, so that places of its latent space look different."""
    training = ["init=vae-mlp-2d.digits", "train.epochs=2", "train.optimizer.lr=1e-4"]
    overrides = [*training, "evaluate.metrics=[elbo, mse]", "evaluate.figures=[loss]"]
    return zoo.train("digits", out=tmp_path_factory.mktemp("report") / "digits", overrides=overrides)


@pytest.fixture(scope="session")
def digits(run: Run) -> Split:
    test = zoo.load_data(run.recipe.data).test
    assert test is not None
    return test


@pytest.fixture(scope="session")
def context(run: Run, digits: Split) -> EvaluationContext:
    return EvaluationContext(run.model, digits, run.metrics)


def render(run: Run, context: EvaluationContext) -> str:
    """Return the report of a run, with the figures that stand first in it."""
    figures = ["loss", "reconstructions", "samples", "latent_grid", "embedding"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.report.page.drawn_figures", functools.partial(drawn_figures, figures=figures))
        return render_report(context, run.evaluation, recipe=run.recipe)


@pytest.fixture(scope="session")
def page(run: Run, context: EvaluationContext) -> str:
    """The report of the trained model."""
    return render(run, context)


def find_browser() -> str | None:
    named = os.environ.get("ZOO_TEST_BROWSER")
    return named or next((path for path in map(shutil.which, BROWSERS) if path), None)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with a profile of its own; without one, the tests that need it are skipped."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install 'latent-zoo[test]'"
    )
    path = find_browser()
    if path is None:
        pytest.skip(
            f"no Chromium among {', '.join(BROWSERS)}: install one (`apt-get install chromium`), or name it in "
            "ZOO_TEST_BROWSER"
        )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A page in the browser, and what it complained about and asked for."""

    def __init__(self, tab: Any, folder: Path) -> None:
        self.tab, self.folder = tab, folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        tab.on("console", lambda message: self.complaints.append(message.text))
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("request", lambda request: self.requests.append(request.url))

    def open(self, html: str) -> Visit:
        path = self.folder / "report.html"
        path.write_text(html, encoding="utf-8")
        self.tab.goto(path.as_uri())
        if 'id="explorer-data"' in html:
            self.tab.wait_for_selector("#explorer[data-ready]", timeout=20_000)
        return self

    def text(self, name: str) -> str:
        return str(self.tab.locator(f"#{name}").text_content()).replace("\N{NO-BREAK SPACE}", " ")

    def coordinates(self) -> list[float]:
        """The coordinates that the page displays."""
        return [number(part.partition("=")[2]) for part in self.text("coordinates").split(",")]

    def pixels(self, selector: str) -> torch.Tensor:
        """What a canvas holds, (height, width, RGBA) uint8."""
        source = self.tab.locator(selector).evaluate("canvas => canvas.toDataURL('image/png')")
        return image_of(source)

    def hover(self, x: float, y: float) -> None:
        """Move the pointer to a share of the map's width and height."""
        box = self.tab.locator("#map").bounding_box()
        self.tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def image_of(source: str) -> torch.Tensor:
    """Return the image of a data URI, (height, width, RGBA) uint8."""
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        return torch.from_numpy(np.array(image.convert("RGBA")))


def number(text: str) -> float:
    return float(text.strip().replace("\N{MINUS SIGN}", "-"))


@pytest.fixture
def visit(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """Open a page in a fresh context: ``visit(html, viewport=…, color_scheme=…)``."""
    with contextlib.ExitStack() as contexts:

        def open_page(html: str, **options: Any) -> Visit:
            context = chromium.new_context(**{"viewport": {"width": 1100, "height": 1100}, **options})
            contexts.callback(context.close)
            return Visit(context.new_page(), tmp_path).open(html)

        yield open_page
