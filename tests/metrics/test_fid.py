"""FID through the real torchmetrics and the real network, its weights random: the published ones are a download."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor

import zoo
from zoo.analysis.quality import frechet_distance
from zoo.data import Data
from zoo.errors import NotApplicableError, ZooError
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.measurement import PRIOR, Source
from zoo.model import Model

FID = {"name": "fid", "examples": 24, "layer": 64}


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data(zoo.load_recipe("digits").data)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()


@pytest.mark.slow
def test_it_is_the_distance_of_the_features_of_data_and_samples(inception: Path, model: Model, data: Data) -> None:
    """Our own Fréchet distance of the same features is the known answer.

    Torchmetrics takes the roots of a product's eigenvalues, ours those of a symmetric one: nearly singular
    covariances, as of few examples, tell them apart by a per cent.
    """
    from torchmetrics.image.fid import NoTrainInceptionV3

    figures = zoo.evaluate(model, data, [FID])
    assert figures.measurements["fid_prior"].examples == 24
    network = NoTrainInceptionV3("inception", ["64"], str(inception))

    def features(x: Tensor) -> Tensor:
        return network((x * 255).round().to(torch.uint8).expand(-1, 3, -1, -1)).double()

    torch.manual_seed(0)
    expected = frechet_distance(features(data.test.examples(24)), features(model.sample(24)))
    assert figures["fid_prior"] == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_samples_that_are_the_data_are_at_no_distance(
    inception: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    copycat = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()

    def draw(context: EvaluationContext, source: Source, count: int) -> Tensor:
        return context.model.sample(count) if source == PRIOR else data.test.examples(count)

    monkeypatch.setattr("zoo.metrics.fid.draw_samples", draw)
    figures = zoo.evaluate(copycat, data, [{**FID, "sources": ["prior", "fitted"]}])
    assert figures["fid_fitted"] < 1e-3 * figures["fid_prior"]


def test_without_a_network_it_says_what_to_do(
    cached: Path, model: Model, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(
        ZooError, match=r"(?s)cannot be downloaded \(.*Name or service.*, or save https://.* as "
    ) as told:
        zoo.evaluate(model, data, [FID])
    assert str(cached) in str(told.value)


class Unpickled:
    """What would be run if the file were unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("the file was unpickled",))


@pytest.mark.parametrize("content", ["cut", "other", "code"])
def test_a_file_that_is_not_the_weights_is_refused_and_never_unpickled(
    content: str, cached: Path, weights: dict[str, Tensor], model: Model, data: Data
) -> None:
    if content == "cut":
        torch.save(weights, cached)
        cached.write_bytes(cached.read_bytes()[:100_000])
    elif content == "other":
        torch.save({"weight": torch.zeros(3)}, cached)
    else:
        torch.save({"weight": Unpickled()}, cached)
    with pytest.raises(ZooError, match=r"(?s)cannot be read .*Delete the file"):
        zoo.evaluate(model, data, [FID])


def test_without_the_packages_it_names_them(model: Model, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        NotApplicableError, match=r"torchmetrics and torch_fidelity not installed: pip install 'torchmetrics\[image\]'"
    ):
        zoo.evaluate(model, data, ["fid"])
