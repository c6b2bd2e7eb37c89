"""The part of a model card on data: a description of them, and code that prepares raw data and restores them."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.spec.data_description import DataDescription
from zoo.spec.model import ModelSpec

_NAMES_SHOWN = 20


def usage_example(spec: ModelSpec, place: str) -> str:
    """Return Python code that loads and uses the model, and runs as it is.

    Args:
        place: the directory or address that the model is loaded from.
    """
    labels = f", torch.arange(16) % {spec.classes}" if spec.classes else ""
    lines = ["import torch, zoo" if spec.classes else "import zoo", f'model = zoo.load("{place}")']
    data = spec.data
    if data is None or data.stored is None:
        return "\n".join([*lines, f"samples = model.sample(16{labels})"])
    lines += [
        f"samples = model.postprocess(model.sample(16{labels}))  # {_form(data)}",
        f"x = model.preprocess(samples)  # or {_inputs(data)} of your own",
    ]
    if spec.encoder is not None:
        lines.append(f"codes = model.encode(x{labels}).mean")
    return "\n".join(lines)


def describe_data(spec: ModelSpec) -> Iterator[str]:
    """Yield paragraphs on the model's data: units, columns, classes."""
    data = spec.data
    if data is None or data.stored is None:
        return
    yield f"The model takes and returns {_form(data)}, {_scaling(data)}."
    if data.columns:
        yield f"Columns: {_listed(data.column_names)}."
    if data.classes:
        numbered = tuple(f"{number} {name}" for number, name in enumerate(data.class_names))
        same = data.class_names == tuple(map(str, range(len(numbered))))
        yield f"Classes: {_listed(data.class_names if same else numbered)}."


def _form(data: DataDescription) -> str:
    stored = data.stored
    assert stored is not None
    if data.is_image:
        channels, height, width = stored.shape
        colour = "grey" if channels == 1 else "colour"
        units = "bytes" if stored.dtype == "uint8" else "numbers"
        bounds = f" from {stored.range[0]:g} to {stored.range[1]:g}" if stored.range else ""
        return f"{colour} images of {height} × {width} pixels, {units}{bounds}"
    if data.columns:
        return f"a DataFrame of {len(data.columns)} columns in their own units"
    shape = " × ".join(map(str, stored.shape))
    return f"arrays of {shape} values for each example, in their own units"


def _inputs(data: DataDescription) -> str:
    if data.is_image:
        return "arrays, images of Pillow or image files"
    return "a DataFrame or array" if len(data.shape) == 1 else "arrays"


def _scaling(data: DataDescription) -> str:
    if data.scaling.name == "standardise":
        return (
            "which are standardised by the means and standard deviations of the training data, stored in `config.json`"
        )
    if data.scaling.name == "none" or data.range is None:
        return "used as they are"
    return f"which are scaled to [{data.range[0]:g}, {data.range[1]:g}]"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
