"""Exporting a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from zoo.errors import NotApplicableError, TrainingError, ZooError
from zoo.exporting.formats import Format, find_format, traced
from zoo.exporting.parts import PARTS, ExportedPart, Scale, without_checks
from zoo.model import Model
from zoo.objectives.denoising import Denoising
from zoo.utils.arguments import checked
from zoo.utils.files import replacing_directory
from zoo.utils.seeds import seeded

PREPROCESSING = "preprocessing.json"
BATCHES = (1, 7, 64)
"""The batch sizes that an exported graph is checked at."""
TOLERANCE = 1e-4
"""The largest difference from the model, beside the largest magnitude of the model's output if that is above 1."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        directory: where the files are.
        files: their names.
        differences: the largest absolute difference of each part's outputs from those of the model.
        left_out: parts that could not be exported, with the reason.
    """

    directory: Path
    files: tuple[str, ...]
    differences: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@checked
def export(model: Model, directory: str | Path, format: str = "onnx", *, raw: bool = False) -> Exported:
    """Write encoder and decoder for programs without this package, and check that they compute what the model does.

    The directory holds ``encoder`` and ``decoder``, or ``denoiser``, in the format, each for batches of any size, and
    ``preprocessing.json``: how raw data become the encoder's input, and the names of inputs, outputs, columns and
    classes. The encoder returns ``latents``, the mean of q(z|x), and ``stddev`` where the latents are independent
    given x; the decoder returns ``data``, the mean of p(x|z). The denoiser takes ``noisy`` data and the number ``step``
    of each, and returns ``clean``, the estimate of the data; the noise of each step is in ``preprocessing.json``. A
    conditional model takes ``labels`` as well. Each file is read again and run at batches of 1, 7 and 64; if it differs
    from the model by more than 1e-4, nothing is written.

    Args:
        directory: a new or an empty one.
        format: ``onnx``, run by onnxruntime and others (needs the extra ``onnx``), or ``pt2``, a program of
            ``torch.export``.
        raw: take and return stored values, such as pixels from 0 to 255: the change of scale becomes part of the
            graphs. For data whose preparation changes nothing else.

    Raises:
        InputError: the directory is not empty, the format is unknown or needs a library that is missing.
        NotApplicableError: no part can be exported, or the preparation is more than a change of scale.
        TrainingError: a graph does not compute what the model does.

    Example:
        >>> import tempfile, zoo
        >>> model = zoo.load("vae-mlp-2d.digits")
        >>> export(model, tempfile.mkdtemp(), "pt2").files
        ('encoder.pt2', 'decoder.pt2', 'preprocessing.json')
    """
    chosen = find_format(format)
    was_training, device = model.training, model.device
    differences, left_out, names = {}, {}, {}
    with replacing_directory(directory) as folder, torch.no_grad(), seeded(0), without_checks():
        model.eval().cpu()
        try:
            scale = Scale(model) if raw else None
            for kind in (kind for kind in PARTS if kind.is_part_of(model)):
                try:
                    part = kind(model, scale)
                except NotApplicableError as error:
                    left_out[kind.name] = error.problem
                    continue
                path = folder / f"{part.name}{chosen.suffix}"
                _write(part, chosen, path)
                names[part.name] = {"inputs": part.inputs, "outputs": part.outputs}
                differences[part.name] = _checked(part, chosen, path)
            if not names:
                reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
                raise NotApplicableError(
                    f"no part of the model can be exported: {reasons or 'it has none'}",
                    remedy="Run it with this package: `zoo.load(…).sample(n)`.",
                )
            (folder / PREPROCESSING).write_text(_description(model, names, raw=raw), encoding="utf-8")
        finally:
            model.train(was_training).to(device)
    files = (*(f"{name}{chosen.suffix}" for name in names), PREPROCESSING)
    return Exported(Path(directory), files, differences, left_out)


def _write(part: ExportedPart, chosen: Format, path: Path) -> None:
    try:
        chosen.write(traced(part, part.example(2)), path, part.inputs, part.outputs)
    except (ZooError, OSError, MemoryError):
        raise
    except Exception as error:  # exporters raise what their parts raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(
            f"the {part.name} cannot be made a graph: {type(error).__name__}: {first}",
            where=path.name,
            remedy="A component whose operations depend on the values or the number of examples is the usual cause.",
        ) from error


def _checked(part: ExportedPart, chosen: Format, path: Path) -> float:
    """Return the largest difference between a file and the model.

    Raises:
        TrainingError: it is more than the tolerance.
    """
    run, largest = chosen.open(path), 0.0
    for batch in BATCHES:
        inputs = part.example(batch)
        for name, expected, found in zip(part.outputs, part(*inputs), run(*inputs), strict=True):
            difference = float((found - expected).abs().max()) if found.shape == expected.shape else float("inf")
            scale = max(1.0, float(expected.abs().max()))
            if not difference <= TOLERANCE * scale:
                raise TrainingError(
                    f"expected {name!r} of a batch of {batch} within {TOLERANCE * scale:g} of the model's, got a "
                    f"difference of {difference:g}",
                    where=path.name,
                    remedy="Choose the other format, and report the model's config.json.",
                )
            largest = max(largest, difference)
    return largest


def _description(model: Model, names: Mapping[str, Mapping[str, tuple[str, ...]]], *, raw: bool) -> str:
    content = {
        "format_version": 1,
        "data_shape": model.data_shape,
        "latent_shape": model.latent_shape,
        "scale_in_graph": raw,
        "graphs": names,
        **_chain(model),
        "data": model.data.model_dump(mode="json", exclude={"splits", "splitting"}),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _chain(model: Model) -> dict[str, Any]:
    """Return how much data and noise the states of a denoiser's chain hold, x_t = signal[t] x_0 + noise[t] ε."""
    if not isinstance(model.objective, Denoising):
        return {}
    chain = model.objective.chain
    return {
        "chain": {
            "steps": chain.steps,
            "signal": chain.alpha_bars.sqrt().tolist(),
            "noise": chain.noise_shares.sqrt().tolist(),
        }
    }
