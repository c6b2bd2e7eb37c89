"""A model on disk: ``config.json`` (the spec) and ``model.safetensors`` (the weights). Nothing is unpickled."""

from __future__ import annotations

import json
import warnings
import weakref
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from zoo.checkpoints.allocation import WeightsLimit
from zoo.checkpoints.weights import (
    TensorForm,
    check_form,
    check_weights,
    describe_not_finite,
    form_of,
    load_weights,
    not_finite,
    own_tensors,
    read_weights,
    write_tensors,
)
from zoo.errors import CheckpointError, InputError, UnusableModelWarning, ZooError, located
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.registry import SCRIPT, find_source
from zoo.spec.model import ModelSpec, kind_of_role
from zoo.spec.validation import validate
from zoo.utils.arguments import checked
from zoo.utils.files import replacing_together
from zoo.utils.foreign import parsing, read_text, reason
from zoo.utils.seeds import seeded
from zoo.utils.text import excerpt
from zoo.version import __version__

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT_VERSION = 2
_LARGEST_CONFIG = 2**22
_MOST_WRAPPERS = 16


@checked
def save(model: nn.Module, directory: str | Path) -> Path:
    """Save a model so that :func:`zoo.load` rebuilds it exactly; return the directory.

    Before anything is written, the model is built again from its spec and compared: what :func:`zoo.load` would refuse
    is refused here. Weights in float64 or 16 bits are saved in the type that a new model has, float32 as a rule. A
    compiled model, or one wrapped for several devices, is saved as the model inside. Both files are complete before
    either replaces an old one.

    Raises:
        TypeError: ``model`` is not a model of this package.
        CheckpointError: the model cannot be rebuilt from its spec, or weights that are not finite would replace
            others.
        InputError: something else than a file is in the place of one.
        OSError: the directory cannot be written to.

    Example:
        >>> import tempfile, torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> directory = zoo.save(model, tempfile.mkdtemp())
        >>> x = torch.rand(2, 1, 8, 8)
        >>> bool((zoo.load(directory).reconstruct(x) == model.eval().reconstruct(x)).all())
        True
    """
    inner, folder = unwrap(model), Path(directory)
    config = json.dumps(describe(inner.spec), indent=2, ensure_ascii=False) + "\n"
    tensors = _tensors_to_save(inner, config, folder)
    with replacing_together(folder / WEIGHTS, folder / CONFIG) as (weights, settings):
        write_tensors(tensors, weights)
        settings.write_text(config, encoding="utf-8")
    return folder


def unwrap(model: nn.Module) -> Model:
    """Return the model inside what ``torch.compile`` or a wrapper for several devices made of it.

    Raises:
        TypeError: there is no model of this package inside.
    """
    inner: object = model
    for _ in range(_MOST_WRAPPERS):
        if not isinstance(inner, nn.Module) or isinstance(inner, Model):
            break
        # How torch.compile, and DataParallel and its kin, call what they wrap.
        inner = getattr(inner, "_orig_mod", None) or getattr(inner, "module", None)
    if not isinstance(inner, Model):
        raise TypeError(f"expected a model of zoo.build, zoo.load or zoo.train, got {type(model).__name__}")
    return inner


_forms: weakref.WeakKeyDictionary[Model, tuple[str, dict[str, TensorForm]]] = weakref.WeakKeyDictionary()
"""What a new model of the same configuration expects, of models that were saved before: training saves one often."""


def _tensors_to_save(model: Model, config: str, folder: Path) -> dict[str, Tensor]:
    """Return the tensors as a new model of this configuration takes them.

    Raises:
        CheckpointError: it would not take them.
    """
    known = _forms.get(model)
    state, own = model.state_dict(), own_tensors(model)
    if known is None or known[0] != config:
        size = sum(tensor.nbytes for tensor in own.values())
        with seeded(0):  # building a model draws random numbers, which training must not notice
            known = config, form_of(_blank_model(parse_config(config), size))
        _forms[model] = known
    form = known[1]
    # A tensor that the user tied to another has a name of its own in a new model.
    names = form.keys() | own.keys()
    tensors = {name: tensor for name, tensor in state.items() if name in names}
    tensors = {name: _in_type_of(form.get(name), tensor) for name, tensor in tensors.items()}
    remedy = "Its modules were changed after it was built: build it from a spec or from components of your own."
    check_form(tensors, form, "zoo.save", remedy)
    bad = not_finite(tensors, form)
    if bad and (folder / WEIGHTS).exists():
        raise CheckpointError(
            f"{describe_not_finite(bad)}; the checkpoint that is there was kept",
            where=str(folder),
            remedy="Save it to another directory if it is wanted.",
        )
    if bad:
        warnings.warn(f"{folder}: saved {describe_not_finite(bad)}", UnusableModelWarning, stacklevel=3)
    return tensors


def _in_type_of(form: TensorForm | None, tensor: Tensor) -> Tensor:
    if form is None or not (form.dtype.is_floating_point and tensor.is_floating_point()):
        return tensor
    return tensor.to(form.dtype)


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

    Weights that are not finite are loaded with an :class:`~zoo.errors.UnusableModelWarning`.

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
    spec = read_config(folder / CONFIG)
    size = check_weights(folder / WEIGHTS)
    with located(str(folder / CONFIG)):
        model = _blank_model(spec, size)
    bad = load_weights(model, read_weights(folder / WEIGHTS), str(folder / WEIGHTS))
    if bad:
        message = f"{folder / WEIGHTS}: {describe_not_finite(bad)}. What the model computes means nothing."
        warnings.warn(message, UnusableModelWarning, stacklevel=2)
    return _placed(model, device).eval()


def _placed(model: Model, device: str | torch.device) -> Model:
    try:
        return model.to(device=torch.device(device))
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:  # torch without CUDA asserts
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(
            f"the weights cannot be put on {str(device)!r}: {first_line}",
            where="device",
            remedy="`cpu` is always there.",
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


def _blank_model(spec: ModelSpec, weights: int) -> Model:
    """Return a model without its weights, after checking that its size fits the number of bytes of its weights.

    Raises:
        CheckpointError: the model is far larger, or cannot be built.
    """
    with WeightsLimit(weights) as limit:
        limit.check_example(spec.data_shape)
        with _NoDraws():
            try:
                return assemble(spec)
            except ZooError:
                raise
            except Exception as error:
                # Options of the right type can still be nonsense that a component does not expect, such as 10¹⁰⁰ units.
                raise CheckpointError(f"the model cannot be built: {type(error).__name__}: {reason(error)}") from error


def read_config(path: Path) -> ModelSpec:
    """Read and validate a ``config.json``.

    Raises:
        CheckpointError: it cannot be read, is damaged, or was written by a later version.
        RecipeError: a field of the spec is wrong.
    """
    with parsing(path, CheckpointError, unread="Is this the directory of a run that was finished?"):
        content = read_text(path, limit=_LARGEST_CONFIG)
    with located(str(path)):
        return parse_config(content)


def parse_config(content: str) -> ModelSpec:
    """Validate the content of a ``config.json``.

    Raises:
        CheckpointError, RecipeError: as :func:`read_config`.
    """
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"damaged: not valid JSON ({reason(error)})") from error
    if not isinstance(config, dict) or not isinstance(config.get("spec"), dict) or "format_version" not in config:
        raise CheckpointError(
            "not a configuration of this package", remedy='It needs the fields "format_version" and "spec".'
        )
    version = config["format_version"]
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise CheckpointError(
            f"expected a format version up to {FORMAT_VERSION}, got {excerpt(version)}",
            remedy=f"It was written by latent-zoo {excerpt(config.get('library_version'))}: upgrade with "
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
                if distribution == SCRIPT:
                    raise CheckpointError(
                        f"the {role} {name!r} is not known here: it came from a script or a notebook",
                        remedy="Name the file that registers it, `--import FILE.py`, or in Python import it first.",
                    ) from error
                raise CheckpointError(
                    f"the {role} {name!r} is not installed",
                    remedy=f"It came from {distribution!r} {fields.get('version') or ''}".rstrip()
                    + ": install that package, or register the component, and load again.",
                ) from error
