"""The Fréchet distance in the features of the Inception network, through torchmetrics."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.errors import ZooError
from zoo.metrics import EvaluationContext, Metric
from zoo.model import Model
from zoo.registry import find_source, register
from zoo.samplers import draw_samples, fit_sampler

_PACKAGES = ("torchmetrics", "torch_fidelity")


@register("metric", "fid")
class InceptionDistance(Metric):
    """FID: the Fréchet distance of samples from data in Inception features, as papers on natural images give it.

    It needs ``pip install 'torchmetrics[image]'`` and the network's weights, 90 MB that are downloaded at the first
    use, so it is measured only when asked for. For digits and other small grey images choose ``sample_quality``,
    whose features know them.

    Args:
        samplers: where codes come from; all but ``prior`` need a model with a latent space.
        examples: samples, and examples of the split, at most; figures of different numbers do not compare.
        layer: whose features, by its width.

    Source:
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule. https://arxiv.org/abs/1706.08500
    """

    by_default: ClassVar[bool] = False

    def __init__(
        self,
        *,
        samplers: list[str] = ["prior"],  # noqa: B006 - only read
        examples: PositiveInt = 10_000,
        layer: Literal[64, 192, 768, 2048] = 2048,
    ) -> None:
        for index, name in enumerate(samplers):
            find_source("sampler", name, f"samplers[{index}]")
        self.samplers, self.examples, self.layer = samplers, examples, layer

    def unfit(self, model: Model) -> str | None:
        """Images only, and only with the packages that have the network."""
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            return f"it needs {' and '.join(missing)}, not installed here: pip install 'torchmetrics[image]'"
        shape = model.data_shape
        return None if len(shape) == 3 and shape[0] in (1, 3) else "its data are not images"

    def lack(self, context: EvaluationContext) -> str | None:
        """A covariance takes two examples, and a sampler that is fitted takes training data."""
        if context.train is None and any(name != "prior" for name in self.samplers):
            return "the training data are not at hand, pass all of the data"
        return None if len(context.split) > 1 else "at least 2 examples are needed, there is 1"

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> dict[str, Any]:
        """Return ``fid_prior`` and so on, and how many examples they are of.

        Raises:
            ZooError: the network's weights cannot be downloaded, or are damaged.
        """
        model, count = context.model, min(self.examples, len(context.split))
        data_range = context.split.info.data_range or (0.0, 1.0)
        distance = _inception_distance(self.layer).to(model.device)
        for batch in context.split.batches(64, order=torch.arange(count), device=model.device):
            distance.update(_to_bytes(batch.x, data_range), real=True)
        figures: dict[str, Any] = {"fid_examples": count}
        for name in self.samplers:
            latents = None if name == "prior" else fit_sampler(name, model, context.train)
            for images in draw_samples(model, count, latents).split(64):
                distance.update(_to_bytes(images.to(model.device), data_range), real=False)
            figures[f"fid_{name}"] = distance.compute().item()
            distance.reset()
        return figures


def _inception_distance(layer: int) -> Any:
    """Return torchmetrics' distance in the features of a layer, real ones kept between samplers."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
    from torchmetrics.image.fid import FrechetInceptionDistance

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL_INCEPTION_V3).name
    if not path.is_file():
        _download(URL_INCEPTION_V3, path)
    try:
        # torch_fidelity unpickles whatever the file holds: it gets the file once it is seen to hold tensors alone.
        torch.load(path, map_location="cpu", weights_only=True)
        return FrechetInceptionDistance(feature=layer, reset_real_features=False)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise ZooError(
            f"the weights of the Inception network cannot be read ({type(error).__name__})",
            where=str(path),
            remedy=f"Delete the file; the next try downloads it again, from {URL_INCEPTION_V3}",
        ) from error


def _download(address: str, path: Path) -> None:
    """Fetch the weights into torch's cache, whole or not at all, checked against the digits in their name."""
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
