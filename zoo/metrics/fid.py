"""The Fréchet distance in the features of the Inception network, through torchmetrics."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.errors import NotApplicableError, ZooError, why_not
from zoo.evaluation.measurement import FITTED, PRIOR
from zoo.evaluation.sampling import SourceName, check_source, draw_samples, source_named
from zoo.metrics import EvaluationContext, Measurement, Metric, Result
from zoo.registry import register

FID = Result(
    "fid",
    "Squared distance of Gaussians fitted to Inception features of examples and of samples.",
    better="lower",
    title="FID",
    sources=(PRIOR, FITTED),
)
_PACKAGES = ("torchmetrics", "torch_fidelity")


@register("metric", "fid")
class InceptionDistance(Metric):
    """FID: the Fréchet distance of samples from data in Inception features, as papers on natural images report it.

    It needs ``pip install 'torchmetrics[image]'`` and the network's weights, 90 MB that are downloaded at the first
    use, so it is measured only when named. For digits and other small grey images choose ``sample_quality``,
    whose features are learned from such data.

    Args:
        sources: where samples come from; a source that does not apply to the model is left out.
        examples: compare at most this many samples and examples; values for different numbers do not compare.
        layer: the layer whose features are compared, by its width.

    Source:
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule. https://arxiv.org/abs/1706.08500
    """

    results: ClassVar[Sequence[Result]] = (FID,)
    by_default: ClassVar[bool] = False

    def __init__(
        self,
        *,
        sources: list[SourceName] = ["prior"],  # noqa: B006 - only read
        examples: PositiveInt = 10_000,
        layer: Literal[64, 192, 768, 2048] = 2048,
    ) -> None:
        self.sources, self.examples, self.layer = sources, examples, layer

    def check(self, context: EvaluationContext) -> None:
        """Require images, two of them for a covariance, and the packages that have the network."""
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            raise NotApplicableError(f"{' and '.join(missing)} not installed: pip install 'torchmetrics[image]'")
        context.require_images()
        context.require_examples(2)

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``fid_prior`` and so on.

        Raises:
            ZooError: the network's weights cannot be downloaded, or are damaged.
        """
        model, count = context.model, min(self.examples, len(context.split))
        data_range = context.split.info.data_range or (0.0, 1.0)
        distance = _inception_distance(self.layer).to(model.device)
        for batch in context.split.batches(64, order=torch.arange(count), device=model.device):
            distance.update(_to_bytes(batch.x, data_range), real=True)
        found = []
        for source in map(source_named, self.sources):
            if why_not(check_source, context, source) is None:
                for images in draw_samples(context, source, count).split(64):
                    distance.update(_to_bytes(images.to(model.device), data_range), real=False)
                value = distance.compute().item()
                examples = None if count == len(context.split) else count
                found.append(Measurement(FID, value, source=source, examples=examples))
                distance.reset()
        return found


def _inception_distance(layer: int) -> Any:
    """Return torchmetrics' distance in the features of a layer; real features are kept between sources."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
    from torchmetrics.image.fid import FrechetInceptionDistance

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL_INCEPTION_V3).name
    if not path.is_file():
        _download(URL_INCEPTION_V3, path)
    try:
        # torch_fidelity unpickles any file, so it gets this one only after a check that it holds nothing but tensors.
        torch.load(path, map_location="cpu", weights_only=True)
        return FrechetInceptionDistance(feature=layer, reset_real_features=False)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise ZooError(
            f"the weights of the Inception network cannot be read ({type(error).__name__})",
            where=str(path),
            remedy=f"Delete the file; the next try downloads it again, from {URL_INCEPTION_V3}",
        ) from error


def _download(address: str, path: Path) -> None:
    """Download the weights into torch's cache, completely or not at all, and check the hash that their name states."""
    digits = path.stem.rpartition("-")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), hash_prefix=digits, progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:
        raise ZooError(
            f"the weights of the Inception network (90 MB) cannot be downloaded ({error})",
            where="fid",
            remedy=f"Try again with a network, or save {address} as {path}. `sample_quality` needs no download.",
        ) from error


def _to_bytes(images: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Map images (B, C, H, W) to 8 bits and three channels, as the network was trained on."""
    low, high = data_range
    unit = ((images - low) / (high - low)).clamp(0, 1)
    return (255 * unit).round().to(torch.uint8).expand(-1, 3, -1, -1)
