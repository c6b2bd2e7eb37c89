"""The most unusual examples of a report: their probability under the model, and the values that make it low."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from zoo.drawing.style import to_unit
from zoo.errors import NotApplicableError, why_not
from zoo.evaluation.context import EvaluationContext
from zoo.report.markup import escape, table
from zoo.report.sheets import data_uri
from zoo.report.words import capitalised, typeset
from zoo.use.rows import Array, Quantity, Rows, RowStream
from zoo.use.score import ranking, scores
from zoo.use.source import Source
from zoo.use.units import InUnits

_MOST, _REFERENCE = 2000, 500
"""Number of examples that are scored, and of training examples for comparison."""
_DRAWS, _CASES, _REASONS, _BINS = 50, 12, 3, 40
_SIDE = 96
"""Approximate size of an image on the page, in pixels."""


@dataclass(frozen=True)
class _Scored:
    """The scores of a split.

    Attributes:
        rows: the result of :func:`zoo.score`.
        strangeness: (N,) larger for more unusual examples.
        quantity: the quantity by which examples are ranked.
    """

    rows: Rows
    strangeness: Array
    quantity: Quantity


def anomalies(context: EvaluationContext, seed: int = 0) -> str:
    """Return the section on the most unusual examples, or the reason why there is none.

    The first 2,000 examples of a split are scored.

    Args:
        seed: seed of the draws.
    """
    try:
        found = _scored(Source(context.model, context, count=_MOST), seed)
    except NotApplicableError as reason:
        return _section(f'<p class="note">Examples of this model cannot be scored: {escape(reason.problem)}.</p>')
    train = context.train
    reference = None
    if train is not None and train is not context.split:
        reference = _scored(Source(context.model, replace(context, split=train), count=_REFERENCE), seed)
    order = np.argsort(-found.strangeness, kind="stable")[:_CASES]
    rank = found.quantity
    words = (
        f"{len(found.strangeness):,} examples by their {escape(rank.name.replace('_', ' '))}"
        f"{f' in {rank.unit}' if rank.unit else ''}, {escape(rank.meaning)}; the strangest first. "
        "What is strange may be wrong, rare, or unlike what the model has learned."
    )
    shown = _cases(context, found, reference, order)
    return _section(f"<p>{words}</p>{_histogram(found, reference)}{shown}")


def _section(content: str) -> str:
    return f'<section aria-labelledby="anomalies"><h2 id="anomalies">Anomalies</h2>{content}</section>'


def _scored(source: Source, seed: int) -> _Scored:
    stream: RowStream = scores(source, seed, num_samples=_DRAWS, by_value=True)
    quantity, sign = ranking(stream.quantities)
    rows = stream.collect()
    return _Scored(rows, sign * rows[quantity.name].astype(float), quantity)


def _histogram(found: _Scored, reference: _Scored | None) -> str:
    """Return the distribution of the scores, and that of training examples behind it."""
    sets = [found, *([reference] if reference else [])]
    values = [each.rows[found.quantity.name].astype(float) for each in sets]
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    if not len(finite):
        return ""
    low, high = float(finite.min()), float(finite.max())
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    shares = [np.histogram(each, edges)[0] / max(1, len(each)) for each in values]
    top = max(float(share.max()) for share in shares) or 1.0
    bars = "".join(
        f'<rect class="{kind}" x="{100 * place / _BINS:.2f}" y="{30 - 30 * share / top:.2f}" '
        f'width="{100 / _BINS:.2f}" height="{30 * share / top:.2f}"/>'
        for kind, counts in reversed([*zip(("own", "trained"), shares, strict=False)])
        for place, share in enumerate(counts.tolist())
    )
    key = '<span class="key own"></span>these examples'
    key += f' <span class="key trained"></span>{len(values[1]):,} training examples' if reference else ""
    label = f"Distribution of {found.quantity.name.replace('_', ' ')}, from {low:.4g} to {high:.4g}"
    return (
        f'<figure class="scores"><svg viewBox="0 0 100 30" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{bars}</svg>'
        f'<div class="ends"><span>{typeset(low)}</span><span>{escape(found.quantity.name.replace("_", " "))}</span>'
        f'<span>{typeset(high)}</span></div><figcaption class="small">{key}</figcaption></figure>'
    )


def _cases(context: EvaluationContext, found: _Scored, reference: _Scored | None, order: Array) -> str:
    rows, named = found.rows, "name" if "name" in found.rows else "row"
    batch = context.take(torch.from_numpy(order.copy()))
    with torch.no_grad():
        again = None
        if why_not(context.require_reconstruction) is None:
            again = context.model.reconstruct(*batch)
    contributions = rows["contribution"].astype(float)
    excess = contributions.mean(0) - contributions[order]
    reasons = (
        _pictures(context, batch.x, again, excess)
        if context.shows_images
        else _columns(context, batch.x, again, excess)
    )
    lines = []
    for place, number in enumerate(order.tolist()):
        facts = [f'<span class="number">{typeset(float(rows[found.quantity.name][number]))}</span>']
        if reference is not None:
            share = float((reference.strangeness >= found.strangeness[number]).mean())
            facts.append(f'<span class="small">{share:.1%} of the training examples are as strange</span>')
        name = f"{'row ' if named == 'row' else ''}{rows[named][number]}"
        kind = f'<div class="small">class {escape(rows["class"][number])}</div>' if "class" in rows else ""
        lines.append([f"{escape(name)}{kind}", _stacked(facts), _terms(rows, number), reasons[place]])
    head = ["Example", capitalised(found.quantity.name.replace("_", " ")), "Terms", _heading(context)]
    return f'<div class="wide">{table(head, lines, "The strangest examples")}</div>'


def _stacked(lines: Sequence[str]) -> str:
    return "".join(f"<div>{line}</div>" for line in lines)


def _heading(context: EvaluationContext) -> str:
    return "Input, reconstruction, improbable pixels" if context.shows_images else "Improbable values"


def _terms(rows: Rows, number: int) -> str:
    """Return the terms of an example that are unusual, in standard deviations of all examples."""
    words = []
    for name in ("reconstruction", "kl", "squared_error"):
        if name not in rows:
            continue
        values = rows[name].astype(float)
        spread = float(values.std()) or 1.0
        deviation = (float(values[number]) - float(values.mean())) / spread
        words.append(
            f'{escape(name.replace("_", " "))} <span class="number">{typeset(float(values[number]))}</span> '
            f'<span class="small">({"+" if deviation >= 0 else "−"}{abs(deviation):.1f} σ)</span>'
        )
    return _stacked(words)


def _columns(context: EvaluationContext, x: torch.Tensor, again: torch.Tensor | None, excess: Array) -> list[str]:
    """Return for each example the least probable values, with the values that the model expected."""
    data = context.model.data
    flat = excess.reshape(len(excess), -1)
    if data.columns:
        units = InUnits(data)
        given, expected = units.of(x), units.of(again) if again is not None else {}
        names = list(data.column_names)
    else:
        values = x.flatten(1).cpu().numpy()
        back = None if again is None else again.flatten(1).cpu().numpy()
        names = [_place(context.model.data_shape, place) for place in range(flat.shape[1])]
        given = {name: values[:, place] for place, name in enumerate(names)}
        expected = {} if back is None else {name: back[:, place] for place, name in enumerate(names)}
    found = []
    for number, row in enumerate(flat):
        worst = [place for place in np.argsort(-row)[:_REASONS] if row[place] > 0]
        lines = []
        for place in worst:
            name = names[place]
            instead = f", expected {escape(_shown(expected[name][number]))}" if name in expected else ""
            lines.append(
                f"<b>{escape(name)}</b> {escape(_shown(given[name][number]))}{instead} "
                f'<span class="small">({typeset(float(row[place]), 2)} nats more than usual)</span>'
            )
        found.append(_stacked(lines) or '<span class="small">no value alone</span>')
    return found


def _place(shape: tuple[int, ...], place: int) -> str:
    """Return the name of a value of an example without columns."""
    return f"x{place}" if len(shape) == 1 else f"x{[int(each) for each in np.unravel_index(place, shape)]}"


def _shown(value: object) -> str:
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[s]")).removesuffix("T00:00:00")
    if isinstance(value, (float, np.floating)):
        return "nothing" if math.isnan(value) else typeset(float(value))
    return str(value)


def _pictures(context: EvaluationContext, x: torch.Tensor, again: torch.Tensor | None, excess: Array) -> list[str]:
    """Return for each image itself, its reconstruction, and its improbable pixels."""
    bounds = context.model.spec.data_range
    heat = np.clip(excess.sum(1), 0, None)
    heat = heat / max(float(heat.max()), 1e-12)
    found = []
    for number in range(len(x)):
        parts = [_pixels(to_unit(x[number][None], bounds)[0])]
        if again is not None:
            parts.append(_pixels(to_unit(again[number][None], bounds)[0]))
        parts.append(_heat(heat[number]))
        words = ("input", "reconstruction", "improbable pixels")[: len(parts)]
        found.append(_image(parts, ", ".join(words)))
    return found


def _pixels(image: torch.Tensor) -> Array:
    """Return an image (C, H, W) in [0, 1] as bytes (H, W, 3); one channel is drawn dark on light, as in the figures."""
    image = 1 - image.expand(3, -1, -1) if len(image) == 1 else image
    pixels: Array = (255 * image).round().byte().permute(1, 2, 0).numpy()
    return pixels


def _heat(values: Array) -> Array:
    """Return (H, W) in [0, 1] from white to red."""
    rest = 1 - np.sqrt(values)
    return np.stack([np.full_like(rest, 255), 255 * rest, 255 * rest], -1).round().astype(np.uint8)


def _image(parts: Sequence[Array], words: str) -> str:
    height, width = parts[0].shape[:2]
    factor = max(1, round(_SIDE / max(height, width)))
    gap = np.full((height, 1, 3), 200, np.uint8)
    joined = np.concatenate([piece for part in parts for piece in (part, gap)][:-1], 1)
    image = Image.fromarray(joined).resize((joined.shape[1] * factor, height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    source = data_uri(buffer.getvalue(), "image/png")
    return f'<img class="case" src="{source}" width="{image.width}" height="{image.height}" alt="{words}">'
