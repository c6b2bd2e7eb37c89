"""The page without a browser: complete in itself, small, the same each time, and safe with any text."""

from __future__ import annotations

import functools
import hashlib
import json
from base64 import b64encode
from html.parser import HTMLParser

import pytest
import torch

from tests.report.conftest import EVALUATION, KINDS, context_of_kind, context_of_spec, render
from zoo.data import split_of_tensor
from zoo.evaluation.context import EvaluationContext
from zoo.report.gallery import drawn_figures
from zoo.report.page import render_report

ADDRESSES = {"src", "href", "action", "data", "poster", "srcset", "formaction", "background"}


class Reader(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "input", "source"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_every_address_in_the_page_is_the_page_s_own(page):
    reader = Reader(page)
    addresses = [value for _, attributes in reader.elements for name, value in attributes.items() if name in ADDRESSES]
    assert len(addresses) >= 4
    assert [address[:40] for address in addresses if not address.startswith("data:")] == []
    (style,) = reader.texts["style"]
    assert "url(" not in style
    assert "@import" not in style
    assert reader._open == []


def test_the_policy_names_the_page_s_own_scripts_and_styles_by_their_hash(page):
    reader = Reader(page)
    policy = next(each["content"] for each in reader.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    script, (style,) = reader.texts["script"][-1], reader.texts["style"]
    for text in (script, style):
        assert f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    # Inline handlers and style attributes would be refused by the policy.
    assert not [name for _, attributes in reader.elements for name in attributes if name == "style" or name[:2] == "on"]


def test_the_page_holds_what_a_report_should(page, run):
    reader = Reader(page)
    assert reader.texts["title"] == ["digits · latent-zoo report"]
    assert reader.all("html")[0]["lang"] == "en"
    recipe = "".join(reader.texts["code"])
    assert "optimizer:" in recipe
    assert "epochs: 2" in recipe
    cells = "".join(reader.texts["th"] + reader.texts["td"] + reader.texts["span"])
    assert "ELBO" in cells
    assert "Evidence lower bound" in cells
    assert "Higher is better." in cells
    assert f"± {run.evaluation['details']['elbo']['standard_error']:#.2g}" in cells
    figures = {words.partition(":")[0] for words in (image["alt"] for image in reader.all("img"))}
    assert figures >= {"Loss", "Reconstructions", "Samples", "Latent grid", "Embedding"}
    assert all(len(image["alt"]) > 20 for image in reader.all("img"))
    assert "pixels between black and white" in "".join(reader.texts["p"])


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(page, run, context):
    torch.manual_seed(1)
    assert render(run, context) == page


@pytest.mark.parametrize("name", KINDS)
def test_models_of_every_kind_get_a_page(name, small):
    context = context_of_kind(name)
    data = explorer_data_of(render_report(context, EVALUATION))
    assert len(data["grids"]) == (KINDS[name].get("classes") or 1)
    assert len(data["axes"]) == (1 if name == "line" else 2)
    assert (data["plane"] is not None) == (context.model.latent_dim > 2)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            {"model": "denoiser-unet", "data_shape": (1, 8, 8), "objective": {"steps": 2}},
            "the model has no latent space",
        ),
        ({"model": "denoiser-mlp"}, "the model has no latent space"),
        (
            {"model": "denoiser-conv-16d", "data_shape": (1, 8, 8), "objective": {"steps": 2, "predict": "noise"}},
            "its decoder predicts values of &#x27;noise&#x27;",
        ),
        ({"model": "vae-conv-16d", "data_shape": (2, 8, 8)}, "the images have 2 channels, not one or three"),
        ({"model": "vae-mlp-2d", "data_shape": (200,)}, "an example has 200 values, too many"),
    ],
)
def test_where_there_is_nothing_to_explore_the_page_says_why(spec, reason, small):
    page = render_report(context_of_spec(**spec), EVALUATION)
    assert 'id="explorer-data"' not in page
    assert f"The latent space of this model cannot be explored here: {reason}" in page


@pytest.mark.slow
def test_large_images_stay_below_five_megabytes(monkeypatch):
    # Other figures take long: paths through a decoder of large images.
    monkeypatch.setattr("zoo.report.page.drawn_figures", functools.partial(drawn_figures, figures=["samples"]))
    # Noise is what compresses worst.
    context = context_of_spec(model="vae-conv-16d", data_shape=(3, 40, 100), latent_dim=2, count=60)
    page = render_report(context, EVALUATION)
    assert len(page.encode()) < 5_000_000
    sheet = explorer_data_of(page)["format"]
    assert (sheet["height"], sheet["width"]) == (20, 50)


def test_data_without_labels_and_a_single_example_have_a_page(small):
    model = context_of_kind("vae").model
    page = render_report(EvaluationContext(model, split_of_tensor(torch.rand(1, 1, 8, 8))), EVALUATION)
    data = explorer_data_of(page)
    assert data["points"]["labels"] is None
    assert data["classes"] == []
    assert len(data["points"]["places"]) == 1


def test_hostile_text_is_escaped_everywhere(run, context, small):
    hostile = "</script><script>alert(1)</script><!--\"'&"
    recipe = run.recipe.model_copy(update={"description": hostile})
    evaluation = {
        **run.evaluation,
        "dataset": hostile,
        "notes": [hostile],
        "metrics": {hostile: 1.0, "learned_from": hostile},
    }
    info = split_of_tensor(torch.rand(4, 1, 8, 8), torch.arange(4) % 2)
    object.__setattr__(info.info, "class_names", (hostile, "b"))
    page = render_report(EvaluationContext(run.model, info), evaluation, recipe=recipe)
    reader = Reader(page)
    assert len(reader.all("script")) == 2
    assert explorer_data_of(page)["classes"][0] == hostile
    assert "<!--" not in page
    assert hostile in "".join(reader.texts["p"])
    assert reader._open == []


def explorer_data_of(page: str) -> dict:
    start = page.index('<script type="application/json" id="explorer-data">')
    text = page[start:].partition(">")[2].partition("</script>")[0]
    return json.loads(text)
