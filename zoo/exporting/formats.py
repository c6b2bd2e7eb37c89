"""File formats that a graph of tensors is written in, and read back from to be checked."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from zoo.errors import InputError, unknown_name
from zoo.utils.libraries import import_library

Run = Callable[..., Sequence[Tensor]]


class Format(ABC):
    """A file format for a graph."""

    suffix: ClassVar[str]

    @abstractmethod
    def write(self, program: ExportedProgram, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Write the graph, with names of its inputs and outputs."""

    @abstractmethod
    def open(self, path: Path) -> Run:
        """Return a function that runs the graph of a file, in the program that others will run it in."""


class Onnx(Format):
    """ONNX, which onnxruntime and many other programs run."""

    suffix = ".onnx"

    def __init__(self) -> None:
        for name in ("onnx", "onnxscript", "onnxruntime"):
            _library(name)

    def write(self, program: ExportedProgram, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Write the graph and its weights, in one file."""
        with _quiet():
            made = torch.onnx.export(
                program, (), input_names=list(inputs), output_names=list(outputs), dynamo=True, verbose=False
            )
            assert made is not None
            made.save(path)

    def open(self, path: Path) -> Run:
        """Return a function that runs it in onnxruntime, on the CPU."""
        runtime = _library("onnxruntime")
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]

        def run(*inputs: Tensor) -> Sequence[Tensor]:
            found = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
            return [torch.from_numpy(each) for each in found]

        return run


class Pt2(Format):
    """A program of ``torch.export``, for Python and C++ with torch but without this package."""

    suffix = ".pt2"

    def write(self, program: ExportedProgram, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Write the graph and its weights, in one file."""
        names = {"inputs.json": json.dumps(list(inputs)), "outputs.json": json.dumps(list(outputs))}
        # Written here: torch's own writer does not say why a disk refuses.
        content = io.BytesIO()
        with _quiet():
            torch.export.save(program, content, extra_files=names)
        with path.open("wb") as file:
            file.write(content.getbuffer())

    def open(self, path: Path) -> Run:
        """Return a function that runs it in this process."""
        with _quiet():
            module = torch.export.load(path).module()
        run: Run = torch.no_grad()(module)
        return run


FORMATS: Mapping[str, type[Format]] = {"onnx": Onnx, "pt2": Pt2}


def find_format(name: str) -> Format:
    """Return the format of this name.

    Raises:
        InputError: there is none, or a library that it needs is not installed.
    """
    if name not in FORMATS:
        problem, remedy = unknown_name("format", name, list(FORMATS))
        raise InputError(problem, where="format", remedy=remedy)
    return FORMATS[name]()


def traced(module: nn.Module, inputs: tuple[Tensor, ...]) -> ExportedProgram:
    """Return the graph of a module, for batches of any size."""
    batch = Dim("batch")
    with _quiet():
        return torch.export.export(module, inputs, dynamic_shapes=({0: batch},) * len(inputs), strict=False)


def _library(name: str) -> Any:
    remedy = "Install it: `pip install 'latent-zoo[onnx]'`, or choose `pt2`."
    return import_library(name, "the format 'onnx'", install=remedy, where="format")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the exporter logs, prints and warns of: the graph is tested by running it."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
