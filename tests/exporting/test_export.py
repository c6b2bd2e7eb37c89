"""Exported models compute what the model does, at any batch size, in programs without this package."""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import InputError, NotApplicableError, TrainingError
from zoo.exporting import export as module
from zoo.exporting.export import export
from zoo.exporting.parts import ExportedDecoder, ExportedDenoiser, ExportedEncoder
from zoo.registry.catalogue import list_models
from zoo.spec.resolve import load_model_spec

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")


def built(preset: str) -> zoo.Model:
    shape = (4,) if "-table-" in preset else (2, 40) if "-series-" in preset else (1, 8, 8)
    options = {"classes": 10} if preset.startswith("cvae") else {}
    return zoo.build(preset, data_shape=shape, **options)


def kinds_of(preset: str, *parts: str) -> set[str]:
    """Return what a graph of these parts is made of: components with their options, except sizes."""
    spec = load_model_spec(preset)
    kinds = {"labels"} if preset.startswith("cvae") else set()
    for part in parts:
        component = getattr(spec, part)
        options = {} if component is None else component.options
        words = {
            name: value if isinstance(value, str | bool | dict) else bool(value) if isinstance(value, list) else "set"
            for name, value in options.items()
        }
        kinds.add(repr((part, component and component.name, words)))
    return kinds


PARTS = {
    ExportedEncoder: ("encoder", "posterior"),
    ExportedDecoder: ("decoder", "likelihood"),
    ExportedDenoiser: ("network", "encoder", "decoder"),
}


def graphs() -> dict[str, list[type]]:
    """Return the presets with a graph that has a component that is in no graph before, and those parts."""
    chosen: dict[str, list[type]] = {}
    seen: set[str] = set()
    for preset in list_models():
        for part, names in PARTS.items():
            spec = load_model_spec(preset)
            if spec.objective.name != "denoising" if part is ExportedDenoiser else spec.encoder is None:
                continue
            kinds = {(part.name, kind) for kind in kinds_of(preset, *names)}
            if not kinds <= seen:
                chosen.setdefault(preset, []).append(part)
                seen |= kinds
    return chosen


GRAPHS = graphs()
QUICK = {"ppca-8d", "svae-mlp-3d"}
"""Presets with one small graph; other tests export both parts of a VAE, and a denoiser."""


@pytest.fixture(autouse=True, scope="module")
def _operators_are_listed_once() -> Iterator[None]:
    """Keep torch's table of ONNX operators: it reads the source of a thousand functions, anew for each graph."""
    try:
        registry: Any = importlib.import_module("torch.onnx._internal.exporter._registration").ONNXRegistry
    except (ImportError, AttributeError):
        registry = None  # another torch: the tests take longer
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(registry, "from_torchlib"):
            patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
        yield


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "preset", [pytest.param(preset, marks=[pytest.mark.slow] * (preset not in QUICK)) for preset in GRAPHS]
)
def test_encoder_and_decoder_of_a_preset_agree_with_the_model(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`export` itself compares at batches of 1, 7 and 64; here two more sizes, with inputs of the test's own.

    A component is in one graph or more; graphs of components that others have already are not made again.
    """
    model = built(preset).eval()
    parts = {part.name for part in GRAPHS[preset]}
    monkeypatch.setattr(module, "PARTS", GRAPHS[preset])
    exported = export(model, tmp_path / "out", "onnx")
    assert not {"decoder", "denoiser"} & set(exported.left_out)
    assert set(exported.differences) | set(exported.left_out) == parts
    for batch in (3, 33) if model.has("encoder") else ():
        low, high = model.data.range or (-1.0, 1.0)
        x = low + (high - low) * torch.rand(batch, *model.data_shape)
        labels = torch.arange(batch) % 10 if model.classes else None
        fed = {} if labels is None else {"labels": labels.numpy()}
        with torch.no_grad():
            if "encoder" in exported.differences:
                found = session(tmp_path / "out" / "encoder.onnx").run(["latents"], {"data": x.numpy(), **fed})
                expected = model.encode(x, labels).mean
                np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)
            if "decoder" in exported.differences:
                z = model.encode(x, labels).sample()
                found = session(tmp_path / "out" / "decoder.onnx").run(["data"], {"latents": z.numpy(), **fed})
                np.testing.assert_allclose(found[0], model.decode(z, labels).mean, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"classes": 3, "objective": {"label_dropout": 0.1}}], ids=["plain", "classes"])
def test_a_chain_of_exported_steps_ends_with_the_samples_of_the_model(options: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = zoo.build("denoiser-mlp", data_shape=(3,), **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # as it begins, the network is the identity
    assert export(model, tmp_path / "out", "onnx").files == ("denoiser.onnx", "preprocessing.json")
    chain = json.loads((tmp_path / "out" / "preprocessing.json").read_text())["chain"]
    denoiser = session(tmp_path / "out" / "denoiser.onnx")
    labels = {"labels": np.arange(5) % 3} if model.classes else {}
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).numpy()
    for t in range(chain["steps"], 0, -1):
        (clean,) = denoiser.run(["clean"], {"noisy": x.astype("float32"), "step": np.full(5, t), **labels})
        noise = (x - chain["signal"][t] * clean) / chain["noise"][t]
        x = chain["signal"][t - 1] * clean + chain["noise"][t - 1] * noise
    torch.manual_seed(0)
    with torch.no_grad():
        expected = model.sample(5, torch.arange(5) % 3 if labels else None, method="ddim")
    np.testing.assert_allclose(x, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_raw_pixels_go_in_and_out_of_the_graph(tmp_path: Path) -> None:
    model = zoo.load("vae-mlp-2d.digits")
    export(model, tmp_path / "out", "onnx", raw=True)
    pixels = np.random.default_rng(0).integers(0, 17, (5, 1, 8, 8))
    z = session(tmp_path / "out" / "encoder.onnx").run(["latents"], {"data": pixels.astype("float32")})[0]
    with torch.no_grad():
        prepared = model.preprocess(pixels)
        np.testing.assert_allclose(z, model.encode(prepared).mean, atol=1e-4)
        found = session(tmp_path / "out" / "decoder.onnx").run(["data"], {"latents": z})[0]
        expected = model.postprocess(model.reconstruct(prepared), "tensor").numpy()
    np.testing.assert_allclose(found, expected, atol=0.51)  # stored pixels are whole numbers


@pytest.mark.slow
def test_a_program_of_torch_export_runs_without_the_package(tmp_path: Path) -> None:
    model = zoo.load("vae-mlp-2d.digits")
    export(model, tmp_path / "out", "pt2")
    x = torch.rand(9, 1, 8, 8)
    torch.save(x, tmp_path / "x.pt")
    script = (
        "import sys, torch\n"
        "encode = torch.export.load(sys.argv[1] + '/out/encoder.pt2').module()\n"
        "latents, stddev = encode(torch.load(sys.argv[1] + '/x.pt'))\n"
        "assert 'zoo' not in sys.modules\n"
        "torch.save(latents.detach(), sys.argv[1] + '/z.pt')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, cwd=tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(torch.load(tmp_path / "z.pt"), model.encode(x).mean)


@pytest.mark.slow
def test_missing_values_of_a_table_are_nan_in_the_graph(tmp_path: Path) -> None:
    model = zoo.build("vae-table-8d", data_shape=(4,), mask_input=True).eval()
    export(model, tmp_path / "out", "onnx")
    x = torch.randn(6, 4)
    x[::2, 1] = torch.nan
    found = session(tmp_path / "out" / "encoder.onnx").run(["latents"], {"data": x.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, model.encode(x).mean, atol=1e-4)


def test_preprocessing_says_what_goes_in_and_how_and_the_model_is_as_it_was(tmp_path: Path) -> None:
    model = zoo.load("vae-mlp-2d.digits").train()
    state = torch.get_rng_state()
    export(model, tmp_path / "out", "pt2")
    assert model.training
    assert torch.equal(state, torch.get_rng_state())
    said = json.loads((tmp_path / "out" / "preprocessing.json").read_text())
    assert said["graphs"]["encoder"] == {"inputs": ["data"], "outputs": ["latents", "stddev"]}
    assert said["data_shape"] == [1, 8, 8]
    assert said["data"]["scaling"]["name"] == "unit"


def test_a_graph_that_differs_from_the_model_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(ExportedDecoder):
        calls = 0

        def forward(self, values, labels=None):
            Wrong.calls += 1
            (data,) = super().forward(values, labels)
            return (data + 0.01 * (Wrong.calls > 1),)

    monkeypatch.setattr(module, "PARTS", (Wrong,))
    with pytest.raises(TrainingError, match=r"difference of 0\.01"):
        export(built("ae-mlp-2d"), tmp_path / "out", "pt2")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_done_is_refused_in_words(tmp_path: Path) -> None:
    model = built("ae-mlp-2d")
    with pytest.raises(InputError, match=r"unknown format 'onxx'\nDid you mean 'onnx'"):
        export(model, tmp_path / "out", "onxx")
    with pytest.raises(NotApplicableError, match="does not know how its data were prepared"):
        export(model, tmp_path / "out", "pt2", raw=True)
    with pytest.raises(NotApplicableError, match="the noise of its chain has the scale of prepared values"):
        export(zoo.load("denoiser-unet.digits"), tmp_path / "out", "pt2", raw=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        export(model, tmp_path / "full", "pt2")
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert not (tmp_path / "out").exists()
