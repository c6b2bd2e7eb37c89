"""The data of the explorer: a map of the latent space with decoded examples, and examples of the data."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from zoo.analysis.codes import encode_split
from zoo.analysis.decoding import decoder_of
from zoo.data import Split
from zoo.evaluation.context import EvaluationContext
from zoo.model import Model
from zoo.report.latent_map import Axis, LatentMap, map_of
from zoo.report.sheets import Sheet, SheetFormat, check_sheet, largest_within, sheet_format
from zoo.utils.seeds import seeded

_MOST_CODES = 10_000
_MOST_POINTS = 2_000
_MOST_CLASSES = 20
_FINEST, _COARSEST = 96, 8
_GRID_SHARE = 0.6
_PATH_STEPS = 11
_DRAWS = 4096


def check_explorer(context: EvaluationContext) -> None:
    """Check that a latent space can be explored.

    Raises:
        NotApplicableError: it cannot.

    Example:
        >>> import zoo
        >>> from zoo.data import split_of_tensor
        >>> from zoo.errors import why_not
        >>> network = zoo.build("denoiser-mlp")
        >>> why_not(check_explorer, EvaluationContext(network, split_of_tensor(torch.rand(5, 2))))
        'the model has no latent space'
    """
    context.require_continuous_latents()
    context.require_reconstruction()
    check_sheet(context.model.data_shape)


@torch.no_grad()
def explorer_data(context: EvaluationContext, budget: int, seed: int = 0) -> dict[str, Any]:
    """Return the data of the page's explorer.

    The grid is as fine as the budget allows, up to 96 by 96 places, with as many examples as it allows, up to 2,000.

    Args:
        budget: number of characters for images in the page.
        seed: of the draws of the prior that the map covers.
    """
    model, split = context.model, context.split
    codes = encode_split(model, split, _MOST_CODES).means
    with seeded(seed):
        latent_map = map_of(codes, _draws_of_prior(model) if model.has("prior") else None)
    indices = _spread(len(codes), min(_MOST_POINTS, len(codes)))
    form = sheet_format(model.data_shape, _data_range(model, split, indices), model.data.value_names)
    grid_budget = int(_GRID_SHARE * budget)
    axes, grids = _grids(model, latent_map, form, grid_budget)
    count = largest_within(
        budget - grid_budget,
        min(len(indices), form.most()),
        1,
        lambda n: sum(
            len(sheet["source"]) for sheet in _examples(model, split, indices[_spread(len(indices), n)], form)
        ),
    )
    indices = indices[_spread(len(indices), count)]
    originals, reconstructions = _examples(model, split, indices, form)
    labels = None if split.labels is None else split.labels.cpu()[indices].tolist()
    places = latent_map.places(codes[indices])
    return {
        "format": form.describe(),
        "axes": [_describe(axis) for axis in axes],
        "grids": grids,
        "conditions": [_class_name(split, label) for label in range(len(grids))] if model.classes else [],
        "steps": _PATH_STEPS,
        "points": {
            "places": [[_short(value) for value in place] for place in places.tolist()],
            "indices": indices.tolist(),
            "labels": labels,
            "originals": originals,
            "reconstructions": reconstructions,
        },
        "classes": [] if labels is None else [_class_name(split, label) for label in range(max(labels) + 1)],
        "plane": _plane(latent_map),
    }


def _draws_of_prior(model: Model) -> Tensor:
    """Return draws (M, d) of the prior, of each class in turn if it depends on the class."""
    labels = torch.arange(_DRAWS, device=model.device) % model.classes if model.classes else None
    return model.latents(_DRAWS, labels, fitted=False).flatten(1).cpu().float()


def _grids(model: Model, latent_map: LatentMap, form: SheetFormat, budget: int) -> tuple[list[Axis], list[Sheet]]:
    """Return the finest grid that a budget allows, and a sheet of it for each class of a conditional model."""
    conditions: list[int | None] = [*range(min(model.classes, _MOST_CLASSES))] if model.classes else [None]

    @functools.lru_cache(maxsize=1)
    def sheet(places: int, label: int | None) -> Sheet:
        grid = latent_map.grid(latent_map.axes(_side(places, latent_map)))
        return form.pack(_decode_grid(model, grid, label), smooth=True)

    def size(places: int) -> int:
        # The sheets of other classes have about the same size.
        return len(sheet(places, conditions[0])["source"]) * len(conditions)

    dimensions = len(latent_map.low)
    least, most = _COARSEST**dimensions, min(_FINEST**2 if dimensions == 2 else 4 * _FINEST, form.most())
    # A coarse grid compresses worse than a fine one, so the search starts slightly above the estimate.
    probe = min(16**dimensions, most)
    start = max(least, min(most, int(probe * budget / size(probe) * 1.3)))
    places = largest_within(budget, start, least, size)
    return latent_map.axes(_side(places, latent_map)), [sheet(places, label) for label in conditions]


def _side(places: int, latent_map: LatentMap) -> int:
    return max(2, math.isqrt(places) if len(latent_map.low) == 2 else places)


def _decode_grid(model: Model, grid: Tensor, label: int | None) -> Tensor:
    decoded = []
    decode = decoder_of(model, label or 0)
    for codes in grid.flatten(0, 1).split(1024):
        decoded.append(decode(codes).float())
    return torch.cat(decoded).unflatten(0, grid.shape[:2])


def _examples(model: Model, split: Split, indices: Tensor, form: SheetFormat) -> tuple[Sheet, Sheet]:
    """Return the sheets of examples and of their reconstructions, about as many rows as columns."""
    inputs, outputs = [], []
    for batch in split.batches(512, order=indices, device=model.device):
        inputs.append(batch.x.cpu())
        outputs.append(model.reconstruct(batch.x, batch.labels if model.classes else None).float().cpu())
    columns = math.isqrt(len(indices) - 1) + 1
    rows = -(-len(indices) // columns)
    sheets = []
    for parts in (inputs, outputs):
        examples = torch.cat(parts)
        filled = torch.cat([examples, examples[-1:].expand(rows * columns - len(examples), *examples.shape[1:])])
        sheets.append(form.pack(filled.unflatten(0, (rows, columns)), smooth=False))
    return sheets[0], sheets[1]


def _data_range(model: Model, split: Split, indices: Tensor) -> tuple[float, float]:
    """Return the range of the data, or where it is unbounded, that of the examples shown."""
    if model.spec.data_range is not None:
        return model.spec.data_range
    examples = split.examples(indices)
    seen = examples[~examples.isnan()]  # Values of a table may be missing.
    return (seen.min().item(), seen.max().item()) if seen.numel() else (0.0, 1.0)


def _spread(total: int, count: int) -> Tensor:
    """Return ``count`` indices spread evenly over ``total``, since data may be sorted by class."""
    return torch.arange(count) * total // max(count, 1)


def _describe(axis: Axis) -> dict[str, Any]:
    fields = ("name", "symbol", "first", "count", "step", "decimals")
    return {name: getattr(axis, name) for name in fields}


def _plane(latent_map: LatentMap) -> dict[str, Any] | None:
    """Return the map from coordinates to codes, z = centre + u₁ axis₁ + u₂ axis₂; None if coordinates are codes."""
    projection = latent_map.projection
    if projection is None or projection.shares is None:
        return None
    return {"centre": projection.centre.tolist(), "axes": projection.axes.tolist()}


def _class_name(split: Split, label: int) -> str:
    names = split.info.class_names
    return names[label] if label < len(names) else str(label)


def _short(value: float) -> float:
    return float(f"{value:.5g}")
