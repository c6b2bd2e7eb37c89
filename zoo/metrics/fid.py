"""The Fréchet distance in the features of the Inception network, through torchmetrics."""

from __future__ import annotations

import importlib.util
from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from zoo.metrics import Metric, Subject
from zoo.model import Model
from zoo.registry import find_source, register
from zoo.samplers import draw_samples, fit_sampler

_PACKAGES = ("torchmetrics", "torch_fidelity")


@register("metric", "fid")
class InceptionDistance(Metric):
    """FID: the Fréchet distance of samples from data in Inception features, as papers on natural images give it.

    It needs ``pip install 'torchmetrics[image]'``, which downloads the network (90 MB) at the first use, so it is
    measured only when asked for. For digits and other small grey images choose ``sample_quality``, whose features
    know them.

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

    def lack(self, subject: Subject) -> str | None:
        """A covariance takes two examples, and a sampler that is fitted takes training data."""
        if subject.train is None and any(name != "prior" for name in self.samplers):
            return "the training data are not at hand, pass all of the data"
        return None if len(subject.split) > 1 else "at least 2 examples are needed, there is 1"

    @torch.no_grad()
    def measure(self, subject: Subject) -> dict[str, Any]:
        """Return ``fid_prior`` and so on, and how many examples they are of."""
        from torchmetrics.image.fid import FrechetInceptionDistance

        model, count = subject.model, min(self.examples, len(subject.split))
        data_range = subject.split.info.data_range or (0.0, 1.0)
        distance = FrechetInceptionDistance(feature=self.layer, reset_real_features=False).to(model.device)
        for batch in subject.split.batches(64, order=torch.arange(count), device=model.device):
            distance.update(_to_bytes(batch.x, data_range), real=True)
        figures: dict[str, Any] = {"fid_examples": count}
        for name in self.samplers:
            latents = None if name == "prior" else fit_sampler(name, model, subject.train)
            for images in draw_samples(model, count, latents).split(64):
                distance.update(_to_bytes(images.to(model.device), data_range), real=False)
            figures[f"fid_{name}"] = distance.compute().item()
            distance.reset()
        return figures


def _to_bytes(images: Tensor, data_range: tuple[float, float]) -> Tensor:
    """Map images (B, C, H, W) to 8 bits and three channels, as the network was trained on."""
    low, high = data_range
    unit = ((images - low) / (high - low)).clamp(0, 1)
    return (255 * unit).round().to(torch.uint8).expand(-1, 3, -1, -1)
