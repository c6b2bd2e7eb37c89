"""Where the model puts the data in its latent space."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure as Picture
from pydantic import PositiveInt
from torch import Tensor

from zoo.figures import Figure, Subject
from zoo.figures._style import COLOURS, new_picture
from zoo.posteriors import posterior_mean
from zoo.registry import register


@register("figure", "embedding")
class Embedding(Figure):
    """Posterior means of the data, coloured by class; the first two principal components if d > 2.

    Args:
        count: number of examples at most.
    """

    def __init__(self, *, count: PositiveInt = 5000) -> None:
        self.count = count

    def unfit(self, subject: Subject) -> str | None:
        """A line has no map, and without a code there is nothing to show."""
        dimensions = subject.model.latent_dim
        return None if dimensions > 1 else "it has one latent dimension" if dimensions else "it has no code"

    @torch.no_grad()
    def draw(self, subject: Subject) -> Picture:
        """Return a scatter plot."""
        model, split = subject.model, subject.split
        order = torch.arange(min(self.count, len(split)))
        codes = [
            posterior_mean(model.encode(batch.x, batch.labels if model.classes else None)).cpu()
            for batch in split.batches(512, order=order, device=model.device)
        ]
        labels = split.labels[order] if split.labels is not None else None
        return plot_embedding(torch.cat(codes), labels, split.info.class_names)


def plot_embedding(codes: Tensor, labels: Tensor | None, class_names: Sequence[str] = ()) -> Picture:
    """Plot codes (N, d) as points, coloured by labels (N,)."""
    names = ["$z_1$", "$z_2$"]
    if codes.shape[1] > 2:
        centred = codes - codes.mean(0)
        _, singular, axes_ = torch.linalg.svd(centred, full_matrices=False)
        codes = centred @ axes_[:2].T
        variance = singular.square() / singular.square().sum()
        names = [f"principal component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(variance[:2])]
    picture = new_picture(5.6, 4.6)
    axes = picture.subplots()
    classes = labels.unique().tolist() if labels is not None else [None]
    for index, label in enumerate(classes):
        chosen = codes if labels is None else codes[labels == label]
        name = None if label is None else class_names[label] if class_names else str(label)
        axes.plot(*chosen.T.numpy(), ".", markersize=3, alpha=0.6, color=COLOURS[index % len(COLOURS)], label=name)
    axes.set(xlabel=names[0], ylabel=names[1])
    if labels is not None and len(classes) <= 20:
        axes.legend(title="class", markerscale=3, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return picture
