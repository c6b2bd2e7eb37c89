"""A model on disk: ``config.json`` (the spec) and ``model.safetensors`` (the weights). Nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from zoo.checkpoints.allocation import AllocationLimit, readable
from zoo.errors import CheckpointError, InputError, located
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.registry import find_source
from zoo.spec.model import ModelSpec, kind_of_role
from zoo.spec.resolve import validate
from zoo.utils.files import replacing, write_text
from zoo.version import __version__

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT_VERSION = 2
_LARGEST_CONFIG = 2**22
_LARGEST_HEADER = 2**24


def save(model: Model, directory: str | Path) -> Path:
    """Save a model so that :func:`zoo.load` rebuilds it exactly; return the directory.

    Each of the two files is written completely or not at all.

    Example:
        >>> import tempfile, torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> directory = zoo.save(model, tempfile.mkdtemp())
        >>> x = torch.rand(2, 1, 8, 8)
        >>> bool((zoo.load(directory).reconstruct(x) == model.eval().reconstruct(x)).all())
        True
    """
    folder = Path(directory)
    save_weights(own_tensors(model), folder / WEIGHTS)
    write_text(folder / CONFIG, json.dumps(describe(model.spec), indent=2, ensure_ascii=False) + "\n")
    return folder


def save_weights(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors, completely or not at all."""
    with replacing(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a module's state, each once: one that several modules share under its first name."""
    tensors: dict[str, Tensor] = {}
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    for name, tensor in module.state_dict().items():
        place = tensor.data_ptr(), tensor.shape, tensor.stride()
        if place not in seen or not tensor.numel():
            tensors[name] = tensor
            seen.add(place)
    return tensors


def describe(spec: ModelSpec) -> dict[str, Any]:
    """Return the content of ``config.json``: versions, the spec, and which distribution each component came from."""
    sources = {role: find_source(kind_of_role(role), component.name) for role, component in spec.components().items()}
    return {
        "library_name": "latent-zoo",
        "library_version": __version__,
        "format_version": FORMAT_VERSION,
        "components": {
            role: {"name": source.name, "distribution": source.distribution, "version": source.version}
            for role, source in sources.items()
        },
        "spec": spec.to_dict(),
    }


def load(directory: str | Path, *, device: str | torch.device = "cpu") -> Model:
    """Load a model in evaluation mode from a run or checkpoint directory.

    Loading is strict: a tensor that is missing, left over or of another shape is an error that names it. Nothing
    that came with the files is executed, and a configuration that asks for far more memory than the weights can
    fill is refused before the memory is taken.

    Args:
        device: where the weights go.

    Raises:
        CheckpointError: the directory, a file or a tensor is missing, damaged or of another shape.
        ComponentError: a component is not installed.
        InputError: the device is not there.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise CheckpointError(
            "there is no such directory", where=str(folder), remedy=f"A checkpoint holds {CONFIG} and {WEIGHTS}."
        )
    with located(str(folder / CONFIG)):
        spec = read_config(folder / CONFIG)
    check_weights(folder / WEIGHTS)
    with located(str(folder / CONFIG)), AllocationLimit((folder / WEIGHTS).stat().st_size) as limit:
        limit.check_example(spec.data_shape)
        with _NoDraws():
            model = _assemble(spec)
    load_weights(model, read_weights(folder / WEIGHTS), str(folder / WEIGHTS))
    return _placed(model, device).eval()


def _placed(model: Model, device: str | torch.device) -> Model:
    try:
        return model.to(device=torch.device(device))
    except (RuntimeError, AssertionError, TypeError) as error:  # torch without CUDA asserts
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"the weights cannot be put on {str(device)!r}: {reason}", where="device", remedy="`cpu` is always there."
        ) from error


class _NoDraws(TorchFunctionMode):
    """A context in which parameters that would be drawn at random are zero: the weights to come replace them.

    To draw the weights of a large model takes several times as long as to load them.
    """

    DRAWS = frozenset((Tensor.uniform_, Tensor.normal_, init.uniform_, init.normal_, init.kaiming_uniform_))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        drawn = (args[0] if args else (kwargs or {}).get("tensor")) if func in self.DRAWS else None
        if isinstance(drawn, nn.Parameter):
            with torch.no_grad():
                return drawn.zero_()
        return func(*args, **(kwargs or {}))


def _assemble(spec: ModelSpec) -> Model:
    try:
        return assemble(spec)
    except (ArithmeticError, LookupError, MemoryError, RecursionError, RuntimeError, TypeError) as error:
        # Options of the right type can still be nonsense that a component does not expect, such as 10¹⁰⁰ units.
        raise CheckpointError(f"the model cannot be built: {type(error).__name__}: {error}") from error


def read_config(path: Path) -> ModelSpec:
    """Read and validate a ``config.json``."""
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise CheckpointError(
                f"{readable(path.stat().st_size)} came, a configuration has at most {readable(_LARGEST_CONFIG)}"
            )
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"cannot be read: {error.strerror}", remedy="Is this the directory of a run that was finished?"
        ) from error
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"damaged: not valid JSON ({error})") from error
    if not isinstance(config, dict) or not isinstance(config.get("spec"), dict) or "format_version" not in config:
        raise CheckpointError(
            "not a configuration of this package", remedy='It needs the fields "format_version" and "spec".'
        )
    version = config["format_version"]
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise CheckpointError(
            f"format version {version!r} came, this package reads up to {FORMAT_VERSION}",
            remedy=f"It was written by latent-zoo {config.get('library_version')}: upgrade with "
            "`pip install -U latent-zoo`.",
        )
    _check_installed(config.get("components"))
    return validate(ModelSpec, config["spec"], "spec")


def _check_installed(components: Any) -> None:
    """Name the package that a missing component came from, which the registry cannot know."""
    for role, component in components.items() if isinstance(components, dict) else ():
        fields = component if isinstance(component, dict) else {}
        name, distribution = str(fields.get("name")), fields.get("distribution")
        if distribution not in (None, "latent-zoo"):
            try:
                find_source(kind_of_role(role), name)
            except ValueError as error:
                raise CheckpointError(
                    f"the {role} {name!r} is not installed",
                    remedy=f"It came from {distribution!r} {fields.get('version') or ''}".rstrip()
                    + ": install that package, or register the component, and load again.",
                ) from error


def check_weights(path: Path) -> None:
    """Refuse what is no safetensors file by its first bytes, before any of it is read.

    Raises:
        CheckpointError: the header is longer than the file, or longer than any model needs.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
    except OSError as error:
        reason = error.strerror or "there is no such file"
        raise CheckpointError(f"cannot be read: {reason}", where=str(path)) from error
    if size < 8 or header > size - 8 or header > _LARGEST_HEADER:
        problem = (
            f"its header claims {readable(header)}, of {readable(size)} in all; "
            f"at most {readable(_LARGEST_HEADER)} are read"
            if size >= 8
            else f"it has {size} bytes"
        )
        raise CheckpointError(
            f"damaged, or not a safetensors file ({problem})", where=str(path), remedy="Copy or download it again."
        )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file."""
    try:
        return load_file(path)
    except OSError as error:
        reason = error.strerror or "there is no such file"
        raise CheckpointError(f"cannot be read: {reason}", where=str(path)) from error
    except SafetensorError as error:
        raise CheckpointError(
            f"damaged, or not a safetensors file ({error})", where=str(path), remedy="Copy or download it again."
        ) from error


def load_weights(module: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Load tensors strictly by name, shape and kind of number."""
    wanted = own_tensors(module)
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    problems = [f"missing tensor {name!r} of shape {tuple(wanted[name].shape)}" for name in missing]
    problems += [f"unexpected tensor {name!r} of shape {tuple(tensors[name].shape)}" for name in extra]
    problems += [
        f"tensor {name!r} has shape {tuple(tensors[name].shape)} {tensors[name].dtype}, "
        f"the model needs {tuple(wanted[name].shape)} {wanted[name].dtype}"
        for name in sorted(wanted.keys() & tensors.keys())
        if (tensors[name].shape, tensors[name].dtype) != (wanted[name].shape, wanted[name].dtype)
    ]
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(
            "; ".join(problems[:3]) + more, where=where, remedy="The weights belong to another configuration."
        )
    # A tensor that several modules share has the values of its first name under all of its names.
    module.load_state_dict(tensors, strict=False)
