"""The files of samples, in the units of the data, and the classes to sample."""

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
    """Check that a kind of file can contain the model's samples.

    Raises:
        InputError: it cannot; the message names the kinds that can.
    """
    from zoo.drawing.views import view_of
    from zoo.errors import InputError, why_not

    drawn = why_not(view_of, model) is None
    kinds = [*(_PICTURES if drawn else ()), *_ARRAYS, *(_TABLES if len(model.data_shape) == 1 else ())]
    if out.suffix.removeprefix(".") not in kinds:
        raise InputError(
            f"expected a file with one of the suffixes {', '.join(f'.{kind}' for kind in kinds)} for samples of shape "
            f"{tuple(model.data_shape)}, got {out.suffix!r}",
            where="--out",
        )


def labels_of(model: Model, label: str | None, count: int) -> Tensor | None:
    """Return the class numbers (count,) to sample: those of one class, or of all classes with training examples.

    Raises:
        InputError: the model is not conditional, there is no such class, or it has no training examples.
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
            classes = _listed(model.data.untrained_classes)
            echo(f"Note: classes without training examples are not sampled: {classes}", err=True)
        return numbers[torch.arange(count) * len(numbers) // count]
    number = model.data.class_number(label, "--label") if model.data.classes else _number(label, model.classes)
    if number in untrained:
        raise InputError(
            f"expected a class with training examples, got {label!r}, which the model has not learned",
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
            remedy="The checkpoint contains no names of classes.",
        )
    return int(label)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def write_samples(model: Model, samples: Tensor, labels: Tensor | None, out: Path, *, rounded: bool) -> str:
    """Write samples, in the units of the data if the model knows them, and return a text on their shape and units.

    Args:
        rounded: write bytes if the data are bytes, as for draws; means of bytes are not whole numbers.
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
    units = "in units of the data" if data.is_known else "in the model's units, because those of the data are not known"
    return f" of shape {values.shape[1:]}, {units},"


def _classes(model: Model, labels: Tensor) -> Any:
    """Return the names of classes (N,), or their numbers if the model knows no names."""
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
        # An array of mixed columns contains objects, such as dates.
        parts = [np.array(values[:, place].tolist()) for place in range(values.shape[1])]
        dated = [isinstance(part[0], date) if len(part) else False for part in parts]
        shown = [
            cells(part.astype("datetime64[us]") if is_date else part)
            for part, is_date in zip(parts, dated, strict=True)
        ]
        shown += [] if classes is None else [classes.tolist()]
        writer.writerows(zip(*shown, strict=True))
