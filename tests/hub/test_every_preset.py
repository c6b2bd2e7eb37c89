"""Presets of codes, levels, flows and curved spaces: pushed and pulled, measured side by side, and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import zoo
from tests.hub.server import HubServer
from zoo.data import Data
from zoo.evaluation.evaluate import evaluation_context
from zoo.model import Model
from zoo.registry import find_component
from zoo.report.comparison import compare
from zoo.report.gallery import draw_figures
from zoo.spec.resolve import load_model_spec

PLAIN = {"diagonal_gaussian", "full_gaussian", "point", "gaussian_map", "point_map"}


def is_of_this_kind(preset: str) -> bool:
    """Say whether a preset has latents other than a plain Gaussian or a point with its usual prior."""
    posterior = load_model_spec(preset).posterior
    if posterior is None or posterior.name in PLAIN:
        return False
    return find_component("posterior", posterior.name).density != "none"


PRESETS = [preset for preset in zoo.list_models() if is_of_this_kind(preset)]


def small(preset: str) -> Model:
    torch.manual_seed(0)
    sizes = {"channels": [4, 6]} if "-conv-" in preset else {"widths": [16]}
    return zoo.build(preset, data_shape=(1, 8, 8), encoder=sizes, decoder=sizes).eval()


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data("digits", subset=100)


def test_the_presets_that_people_know_by_a_name_are_there() -> None:
    families = {preset.partition("-")[0] for preset in PRESETS}
    assert {"vqvae", "rqvae", "fsq", "svae", "pvae", "hvae", "ladder", "iaf"} <= families


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_comes_back_from_the_hub_with_the_same_outputs(
    preset: str, hub: HubServer, data: Data, tmp_path: Path
) -> None:
    model, x = small(preset), data.test.examples(3)
    zoo.push(zoo.save(model, tmp_path / "model"), f"ada/{preset}")
    pulled = zoo.pull(f"ada/{preset}").model
    assert pulled.spec == model.spec
    found = []
    for each in (model, pulled):
        torch.manual_seed(1)
        found.append([each.reconstruct(x), each.sample(2), each.log_likelihood(x, num_samples=3)])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_all_of_them_are_compared_in_nats(data: Data) -> None:
    compared = compare({preset: small(preset) for preset in PRESETS}, data, ["elbo"])
    entries = compared.table().row("elbo", "test").entries
    assert len(entries) == len(PRESETS)
    assert all(entry is not None and entry.value < 0 for entry in entries)


DRAWN = {
    "svae-mlp-3d": "sphere",
    "pvae-mlp-2d": "poincare_disc",
    "hvae-conv-4d": "kl_per_level",
    "ladder-vae-mlp-12d": "reconstruction_levels",
    "rqvae-conv-16d": "codebook",
}


@pytest.mark.parametrize("preset", DRAWN)
def test_it_has_a_figure_of_its_own(preset: str, data: Data, tmp_path: Path) -> None:
    context = evaluation_context(small(preset), data)
    (path,) = draw_figures(context, tmp_path, [DRAWN[preset]])
    assert path.stat().st_size > 1000
