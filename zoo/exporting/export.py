"""Exporting a model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import NotApplicableError, TrainingError, ZooError
from zoo.exporting.formats import Format, find_format, traced
from zoo.exporting.parts import ExportedDecoder, ExportedEncoder, example_data, example_latents, without_checks
from zoo.model import Model
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


def export(model: Model, directory: str | Path, format: str = "onnx", *, raw: bool = False) -> Exported:
    """Write encoder and decoder for programs without this package, and check that they compute what the model does.

    The directory holds ``encoder`` and ``decoder`` in the format, each for batches of any size, and
    ``preprocessing.json``: how raw data become the encoder's input, and the names of inputs, outputs, columns and
    classes. The encoder returns ``latents``, the mean of q(z|x), and ``stddev`` where the latents are independent
    given x; the decoder returns ``data``, the mean of p(x|z). A conditional model takes ``labels`` as well. Each file
    is read again and run at batches of 1, 7 and 64; if it differs from the model by more than 1e-4, nothing is written.

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
    if not (model.has("encoder") and model.has("decoder")):
        raise NotApplicableError(
            "the model is a network without an encoder and a decoder, whose samples take many steps",
            remedy="Run it with this package: `zoo.load(…).sample(n)`.",
        )
    chosen = find_format(format)
    was_training, device = model.training, model.device
    differences, left_out, names = {}, {}, {}
    with replacing_directory(directory) as folder, torch.no_grad(), seeded(0), without_checks():
        model.eval().cpu()
        try:
            for part in ("encoder", "decoder"):
                try:
                    module: Any = (ExportedEncoder if part == "encoder" else ExportedDecoder)(model, raw=raw)
                except NotApplicableError as error:
                    if error.where == "raw":
                        raise
                    left_out[part] = error.problem
                    continue
                path = folder / f"{part}{chosen.suffix}"
                names[part] = _write(module, part, chosen, path)
                differences[part] = _checked(module, part, chosen, path, raw=raw)
            (folder / PREPROCESSING).write_text(_description(model, names, raw=raw), encoding="utf-8")
        finally:
            model.train(was_training).to(device)
    files = (*(f"{part}{chosen.suffix}" for part in names), PREPROCESSING)
    return Exported(Path(directory), files, differences, left_out)


def _write(module: Any, part: str, chosen: Format, path: Path) -> dict[str, list[str]]:
    inputs = ["data" if part == "encoder" else "latents", *(["labels"] if module.model.classes else [])]
    outputs = list(module.outputs)
    try:
        chosen.write(traced(module, _inputs(module, part, 2, raw=module.scale is not None)), path, inputs, outputs)
    except ZooError:
        raise
    except Exception as error:  # exporters raise what their parts raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(
            f"the {part} cannot be made a graph: {type(error).__name__}: {first}",
            where=path.name,
            remedy="A component whose operations depend on the values or the number of examples is the usual cause.",
        ) from error
    return {"inputs": inputs, "outputs": outputs}


def _inputs(module: nn.Module, part: str, batch: int, *, raw: bool) -> tuple[Tensor, ...]:
    model: Any = module.model
    return example_data(model, batch, raw=raw) if part == "encoder" else example_latents(model, batch)


def _checked(module: Any, part: str, chosen: Format, path: Path, *, raw: bool) -> float:
    """Return the largest difference between a file and the model.

    Raises:
        TrainingError: it is more than the tolerance.
    """
    run, largest = chosen.open(path), 0.0
    for batch in BATCHES:
        inputs = _inputs(module, part, batch, raw=raw)
        for name, expected, found in zip(module.outputs, module(*inputs), run(*inputs), strict=True):
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


def _description(model: Model, names: dict[str, dict[str, list[str]]], *, raw: bool) -> str:
    content = {
        "format_version": 1,
        "data_shape": model.data_shape,
        "latent_shape": model.latent_shape,
        "scale_in_graph": raw,
        "graphs": names,
        "data": model.data.model_dump(mode="json", exclude={"splits", "splitting"}),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
