"""Samples of a model in files, in the units of its data, and the classes that are sampled."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli._output import echo

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.model import Model

_PICTURES, _ARRAYS, _TABLES = ("png", "svg", "pdf"), ("npy", "npz"), ("csv",)


def check_format(model: Model, out: Path) -> None:
    """Refuse a kind of file that cannot hold the model's samples.

    Raises:
        InputError: the message names the kinds that can.
    """
    from zoo.drawing.views import view_of
    from zoo.errors import InputError, why_not

    drawn = why_not(view_of, model) is None
    kinds = [*(_PICTURES if drawn else ()), *_ARRAYS, *(_TABLES if len(model.data_shape) == 1 else ())]
    if out.suffix.removeprefix(".") not in kinds:
        raise InputError(
            f"expected a file of one of the kinds {', '.join(f'.{kind}' for kind in kinds)} for samples of shape "
            f"{tuple(model.data_shape)}, got {out.suffix!r}",
            where="--out",
        )


def labels_of(model: Model, label: str | None, count: int) -> Tensor | None:
    """Return the class numbers (count,) to sample: of one class, or of each in turn that was trained.

    Raises:
        InputError: the model is not conditional, or there is no such class, or it has no training examples.
    """
    import torch

    from zoo.errors import InputError

    if not model.classes:
        if label is not None:
            raise InputError("the model is not conditional", where="--label", remedy="Leave it out.")
        return None
    untrained = {model.data.class_number(name) for name in model.data.untrained_classes}
    if label is None:
        numbers = torch.tensor([number for number in range(model.classes) if number not in untrained])
        if untrained:
            echo(f"Note: without training examples, not sampled: {_listed(model.data.untrained_classes)}", err=True)
        return numbers[torch.arange(count) * len(numbers) // count]
    number = model.data.class_number(label, "--label") if model.data.classes else _number(label, model.classes)
    if number in untrained:
        raise InputError(
            f"the class {label!r} had no training examples: the model has not learned it",
            where="--label",
            remedy="Choose another class, or train on examples of it.",
        )
    return torch.full((count,), number)


def _number(label: str, classes: int) -> int:
    from zoo.errors import InputError

    if not label.isdecimal() or int(label) >= classes:
        raise InputError(
            f"expected a class number from 0 to {classes - 1}, got {label!r}",
            where="--label",
            remedy="The checkpoint does not hold names of classes.",
        )
    return int(label)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def write_samples(model: Model, samples: Tensor, labels: Tensor | None, out: Path, *, rounded: bool) -> str:
    """Write samples in the units of the data where the model knows them, and say in which form.

    Args:
        rounded: write bytes where the data are bytes, as for draws; means of bytes have fractions.
    """
    import numpy as np

    from zoo.drawing.views import view_of
    from zoo.utils.files import replacing

    kind, data = out.suffix.removeprefix("."), model.data
    if kind in _PICTURES:
        with replacing(out) as temporary:
            view_of(model).samples({"samples": samples.cpu()}).savefig(temporary, format=kind, dpi=150)
        return f" of shape {tuple(model.data_shape)}"
    values = model.postprocess(samples, "array", rounded=rounded) if data.is_known else samples.numpy()
    classes = None if labels is None else _classes(model, labels)
    with replacing(out) as temporary:
        if kind == "csv":
            _write_csv(temporary, values, data.column_names, classes)
        else:
            with temporary.open("wb") as file:
                if kind == "npy":
                    np.save(file, values, allow_pickle=False)
                else:
                    np.savez(file, x=values, **({} if classes is None else {"y": classes}))
    units = "in units of the data" if data.is_known else "as the model gives them, which does not know the data's units"
    return f" of shape {values.shape[1:]}, {units},"


def _classes(model: Model, labels: Tensor) -> Any:
    """Return the names of classes (N,), or their numbers where the model knows no names."""
    import numpy as np

    names = model.data.class_names
    return np.array([names[number] for number in labels.tolist()]) if names else labels.numpy()


def _write_csv(path: Path, values: Any, columns: tuple[str, ...], classes: Any) -> None:
    import numpy as np

    from zoo.use.files import cells

    names = list(columns) or [f"x{number}" for number in range(values.shape[1])]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, *(["class"] if classes is not None else [])])
        # Of mixed columns the array holds objects, among them dates.
        parts = [np.array(values[:, place].tolist()) for place in range(values.shape[1])]
        dated = [isinstance(part[0], date) if len(part) else False for part in parts]
        shown = [
            cells(part.astype("datetime64[us]") if is_date else part)
            for part, is_date in zip(parts, dated, strict=True)
        ]
        shown += [] if classes is None else [classes.tolist()]
        writer.writerows(zip(*shown, strict=True))
