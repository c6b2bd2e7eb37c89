"""Tensors in safetensors files: written whole, and read without trusting what a file says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from zoo.errors import CheckpointError
from zoo.utils.allocation import MOST_TENSORS
from zoo.utils.files import replacing
from zoo.utils.finite import is_finite
from zoo.utils.foreign import open_regular, parsing
from zoo.utils.memory import check_memory
from zoo.utils.text import excerpt, readable_size

_LARGEST_HEADER = 2**24
_MOST_TENSORS = 8 * MOST_TENSORS
"""Tensors of a file: a state of training has averages and moments of each of the model."""
_NAMED = 3
"""How many tensors a message names, of all that are wrong."""
_SYSTEM_ERROR = re.compile(r"^(.*)\(os error (\d+)\)")
_COPY_AGAIN = "Copy or download it again."


class TensorForm(NamedTuple):
    """What a model expects of a tensor.

    Attributes:
        finite: whether the values of a new model are; a mask of infinities is not.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    finite: bool


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a module's state, each once: one that several modules share under its first name.

    Raises:
        CheckpointError: a file of weights cannot hold one of them.
    """
    tensors: dict[str, Tensor] = {}
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    for name, tensor in module.state_dict().items():
        _check_dense(name, tensor)
        place = tensor.data_ptr(), tensor.shape, tensor.stride()
        if place not in seen or not tensor.numel():
            tensors[name] = tensor
            seen.add(place)
    return tensors


def _check_dense(name: str, value: object) -> None:
    """Refuse what is in a module's state but cannot be in a file of its weights."""
    if not isinstance(value, Tensor):
        found = f"got {excerpt(value)}"
    elif value.is_meta:
        found = "got one on the device 'meta', which has no values"
    elif value.layout != torch.strided or value.is_quantized:
        found = f"got one of the type {value.dtype} and the layout {value.layout}"
    else:
        return
    raise CheckpointError(
        f"expected a dense tensor with values, {found}",
        where=name,
        remedy="Save the model before it is quantised, made sparse or emptied.",
    )


def form_of(module: nn.Module) -> dict[str, TensorForm]:
    """Return the form of every tensor that a file of the module's weights holds, by name."""
    return {
        name: TensorForm(tuple(tensor.shape), tensor.dtype, is_finite(tensor))
        for name, tensor in own_tensors(module).items()
    }


def check_form(tensors: Mapping[str, Tensor], form: Mapping[str, TensorForm], where: str, remedy: str) -> None:
    """Refuse tensors whose names, shapes or types are not those of a model.

    Raises:
        CheckpointError: names the first tensors that differ, and says how many more do.
    """
    missing, extra = sorted(form.keys() - tensors.keys()), sorted(tensors.keys() - form.keys())
    problems = [f"missing tensor {name!r} of shape {form[name].shape}" for name in missing]
    problems += [f"unexpected tensor {name!r} of shape {tuple(tensors[name].shape)}" for name in extra]
    problems += [
        f"tensor {name!r} has shape {tuple(tensors[name].shape)} {tensors[name].dtype}, "
        f"the model needs {form[name].shape} {form[name].dtype}"
        for name in sorted(form.keys() & tensors.keys())
        if (tuple(tensors[name].shape), tensors[name].dtype) != form[name][:2]
    ]
    if problems:
        raise CheckpointError(_first(problems), where=where, remedy=remedy)


def not_finite(tensors: Mapping[str, Tensor], form: Mapping[str, TensorForm]) -> list[str]:
    """Return the names of the tensors that hold NaN or infinity and do not in a new model."""
    return [name for name, tensor in tensors.items() if name in form and form[name].finite and not is_finite(tensor)]


def describe_not_finite(names: list[str]) -> str:
    """Word that the tensors of these names are not finite."""
    return f"weights that are not finite: {_first([repr(name) for name in names], ', ')}"


def _first(problems: list[str], separator: str = "; ") -> str:
    more = f"{separator}and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return separator.join(problems[:_NAMED]) + more


def save_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors, completely or not at all."""
    with replacing(path) as temporary:
        write_tensors(tensors, temporary)


def write_tensors(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, str] | None = None) -> None:
    """Write tensors to a temporary path; tensors that share memory are written once each.

    Raises:
        OSError: the disk is full, for example.
    """
    try:
        save_file(dict(_separate(tensors)), path, metadata=dict(facts) if facts else None)
    except SafetensorError as error:
        # The library tells causes apart only in the text of its messages.
        found = _SYSTEM_ERROR.match(str(error).replace("\n", " "))
        raise OSError(int(found[2]) if found else None, found[1].strip() if found else str(error), str(path)) from error


def _separate(tensors: Mapping[str, Tensor]) -> Iterable[tuple[str, Tensor]]:
    """Yield tensors that do not share memory, as the format requires."""
    used: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        if own.untyped_storage().data_ptr() in used:
            own = own.clone()
        used.add(own.untyped_storage().data_ptr())
        yield name, own


def check_weights(path: Path) -> int:
    """Refuse a file that is not safetensors by its first bytes, before it is read; return its size in bytes.

    Raises:
        CheckpointError: it is not a file, its header is too long for the file or for any model, or it does not fit
            into memory.
    """
    with parsing(path, CheckpointError, remedy=_COPY_AGAIN), open_regular(path) as file:
        start = file.read(8)
        size = file.seek(0, 2)
    header = int.from_bytes(start, "little")
    if size < 8 or header > size - 8 or header > _LARGEST_HEADER:
        problem = (
            f"its header claims {readable_size(header)}, of {readable_size(size)} in all; "
            f"at most {readable_size(_LARGEST_HEADER)} are read"
            if size >= 8
            else f"it has {size} bytes"
        )
        raise CheckpointError(f"damaged, or not a safetensors file ({problem})", where=str(path), remedy=_COPY_AGAIN)
    check_memory(size, "the file", where=str(path), remedy="Use a machine with more memory.", refusal=CheckpointError)
    return size


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        CheckpointError: it cannot be read, or is damaged.
    """
    check_weights(path)
    with parsing(path, CheckpointError, remedy=_COPY_AGAIN):
        count = len(_read_header(path))
        if count > _MOST_TENSORS:
            raise ValueError(f"it has {count:,} tensors, at most {_MOST_TENSORS:,} are read")
        try:
            return load_file(path) if _is_utf8(path) else load(path.read_bytes())
        except SafetensorError as error:
            raise CheckpointError(
                f"damaged, or not a safetensors file ({error})", where=str(path), remedy=_COPY_AGAIN
            ) from error


def _is_utf8(path: Path) -> bool:
    """Whether the name of a file is UTF-8, as the library's own reader of files requires."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_header(path: Path) -> dict[str, Any]:
    """Return the header of a file that :func:`check_weights` has accepted."""
    with open_regular(path) as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    if not isinstance(header, dict):
        raise ValueError(f"expected a mapping as header, got {type(header).__name__}")
    return header


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file with the facts that :func:`write_tensors` put into it.

    Raises:
        CheckpointError: as :func:`read_weights`.
    """
    tensors = read_weights(path)
    with parsing(path, CheckpointError, remedy=_COPY_AGAIN):
        return tensors, dict(_read_header(path).get("__metadata__") or {})


def load_weights(module: nn.Module, tensors: dict[str, Tensor], where: str) -> list[str]:
    """Load tensors strictly by name, shape and type; return the names of those that are not finite.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape or type.
    """
    form = form_of(module)
    check_form(tensors, form, where, "The weights belong to another configuration.")
    # A tensor that several modules share has the values of its first name under all of its names.
    module.load_state_dict(tensors, strict=False)
    return not_finite(tensors, form)
