"""The strangest examples: found, and with what makes them strange."""

from __future__ import annotations

import re

import pytest
import torch

import zoo
from tests.report.conftest import context_of_kind
from zoo.data import split_of_tensor
from zoo.evaluation.context import EvaluationContext
from zoo.report.anomalies import anomalies


def rows_of(section: str) -> list[str]:
    return re.findall(r'<tr><th scope="row">(.*?)</tr>', section, re.DOTALL)


def table_context(x: torch.Tensor) -> EvaluationContext:
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", data_shape=(4,), data_range=None, likelihood="gaussian").eval()
    return EvaluationContext(model, split_of_tensor(x))


def test_a_value_that_is_wrong_is_named_with_what_was_expected():
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    x[17, 2] = 40.0
    first = rows_of(anomalies(table_context(x)))[0]
    assert first.startswith("row 17")
    assert "<b>x2</b> 40.00, expected" in first
    assert "reconstruction" in first


def test_an_image_that_is_noise_is_the_strangest(context):
    x = context.split.examples(100).clone()
    x[31] = torch.rand(x.shape[1:], generator=torch.Generator().manual_seed(1))
    section = anomalies(EvaluationContext(context.model, split_of_tensor(x)))
    lines = rows_of(section)
    assert len(lines) == 12
    assert lines[0].startswith("row 31")
    assert all('class="case"' in line for line in lines)


def test_examples_are_compared_with_those_of_training(context):
    section = anomalies(context)
    assert ("of the training examples are as strange" in section) == (context.train is not None)
    assert section.count("<rect") in (40, 80)


def test_a_model_without_a_density_ranks_by_its_reconstruction():
    section = anomalies(context_of_kind("autoencoder"))
    assert "30 examples by their reconstruction" in section


def test_a_model_that_cannot_score_says_why():
    model = zoo.build("denoiser-unet", data_shape=(1, 8, 8)).eval()
    x = 2 * torch.rand(10, 1, 8, 8) - 1
    section = anomalies(EvaluationContext(model, split_of_tensor(x)))
    assert "cannot be scored: the model neither has a likelihood nor reconstructs data" in section


def test_names_of_files_and_classes_are_escaped(monkeypatch):
    context = table_context(torch.randn(5, 4))
    monkeypatch.setattr(type(context.split), "names", lambda self, indices: ["<b>&.png"] * len(indices))
    assert "<b>&.png" not in anomalies(context)
    assert "&lt;b&gt;&amp;.png" in anomalies(context)


@pytest.mark.slow
def test_the_section_is_on_the_page_in_a_browser(page, visit):
    opened = visit(page)
    assert opened.complaints == []
    assert opened.tab.evaluate("document.querySelector('#anomalies').textContent") == "Anomalies"
    assert opened.tab.evaluate("[...document.querySelectorAll('img.case')].every(image => image.naturalWidth > 0)")
    assert opened.tab.evaluate("document.querySelectorAll('img.case').length") == 12
    heights = opened.tab.evaluate("[...document.querySelectorAll('.scores rect')].map(bar => bar.getBBox().height)")
    assert max(heights) > 0
    fill = opened.tab.evaluate("getComputedStyle(document.querySelector('.scores .own')).fill")
    assert fill not in ("rgb(0, 0, 0)", "none")
