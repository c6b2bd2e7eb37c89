"""Checkpoints: strict, complete or absent, and never unpickled."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import zoo
from zoo.checkpoints import checkpoint as checkpoint_module
from zoo.checkpoints.allocation import WeightsLimit
from zoo.errors import CheckpointError, InputError, ZooError
from zoo.utils import files


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return zoo.save(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)), tmp_path / "model")


def edit_weights(checkpoint: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(checkpoint / "model.safetensors")
    change(tensors)
    save_file(tensors, checkpoint / "model.safetensors")


def edit_config(checkpoint: Path, change: Callable[[dict], None]) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    change(config)
    (checkpoint / "config.json").write_text(json.dumps(config))


def test_a_checkpoint_is_two_files_of_data(checkpoint: Path) -> None:
    assert sorted(path.name for path in checkpoint.iterdir()) == ["config.json", "model.safetensors"]
    config = json.loads((checkpoint / "config.json").read_text())
    assert config["library_version"] == zoo.__version__
    assert config["format_version"] == 2
    assert config["components"]["posterior"] == {
        "name": "diagonal_gaussian",
        "distribution": "latent-zoo",
        "version": zoo.__version__,
    }


def test_saving_twice_gives_the_same_bytes(checkpoint: Path, tmp_path: Path) -> None:
    again = zoo.save(zoo.load(checkpoint), tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (again / name).read_bytes() == (checkpoint / name).read_bytes()


def test_a_model_that_is_saved_again_is_built_again_for_another_configuration_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[object] = []
    plain = checkpoint_module._blank_model
    monkeypatch.setattr(checkpoint_module, "_blank_model", lambda *args: built.append(args) or plain(*args))
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
    for _ in range(3):
        zoo.save(model, tmp_path)
    assert len(built) == 1
    model.spec = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), latent_dim=3).spec
    with pytest.raises(CheckpointError, match="has shape"):
        zoo.save(model, tmp_path)


def test_a_missing_an_extra_and_a_misshapen_tensor_are_named(checkpoint: Path) -> None:
    name = "posterior.head.bias"
    original = load_file(checkpoint / "model.safetensors")
    edit_weights(checkpoint, lambda tensors: tensors.pop(name))
    with pytest.raises(CheckpointError, match=r"missing tensor 'posterior.head.bias' of shape \(4,\)"):
        zoo.load(checkpoint)
    save_file(original | {"stray": torch.zeros(2)}, checkpoint / "model.safetensors")
    with pytest.raises(CheckpointError, match="unexpected tensor 'stray'"):
        zoo.load(checkpoint)
    save_file(original | {name: torch.zeros(5)}, checkpoint / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"'posterior.head.bias' has shape \(5,\).*needs \(4,\)"):
        zoo.load(checkpoint)
    save_file(original | {name: torch.zeros(4).half()}, checkpoint / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"torch.float16.*torch.float32"):
        zoo.load(checkpoint)


class Bomb:
    """Unpickling this makes a file."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_under_the_weights_name_is_refused_and_not_opened(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (checkpoint / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        zoo.load(checkpoint)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(pickle.dumps(Bomb()))
    assert (tmp_path / "exploded").exists(), "the bomb would have gone off"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("spec"), "not a configuration"),
        (lambda c: c.update(format_version=99), "format version up to 2, got 99"),
        (lambda c: c.update(format_version="1"), "format version up to 2, got .1."),
        (lambda c: c["spec"].update(latent_dim=-2), r"spec\.latent_dim"),
        (lambda c: c["spec"].update(latent_dims=2), "latent_dims: unknown field"),
        (lambda c: c["spec"]["encoder"].update(name="resnet"), "unknown encoder 'resnet'"),
        (lambda c: c["spec"]["encoder"].update(name="os.system"), "unknown encoder"),
        (lambda c: c["spec"].update(latent_dim=3), "has shape"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(checkpoint: Path, change: Callable, message: str) -> None:
    edit_config(checkpoint, change)
    with pytest.raises(ZooError, match=message) as refusal:
        zoo.load(checkpoint)
    assert str(checkpoint) in str(refusal.value)


def test_a_component_of_a_package_that_is_not_installed_names_the_package(checkpoint: Path) -> None:
    def foreign(config: dict) -> None:
        config["spec"]["posterior"] = {"name": "planar_flow_of_another_age"}
        config["components"]["posterior"] = {
            "name": "planar_flow_of_another_age",
            "distribution": "old-flows",
            "version": "0.3",
        }

    edit_config(checkpoint, foreign)
    with pytest.raises(CheckpointError, match=r"not installed\n.*'old-flows' 0.3"):
        zoo.load(checkpoint)


def absurd(**changes: object) -> Callable[[dict], None]:
    return lambda config: config["spec"].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            absurd(encoder={"name": "mlp", "widths": [100_000, 100_000_000]}),
            r"asks for 40 TB of memory, more than 1.3 MB",
        ),
        (absurd(latent_dim=10**12), "asks for .* of memory"),
        (absurd(latent_dim=10**30), "asks for .* of memory"),
        (absurd(latent_dim=10**6, posterior="full_gaussian"), "asks for .* of memory"),
        (absurd(latent_dim=10**6, prior="gaussian"), "asks for .* of memory"),
        (absurd(data_shape=[1, 10**6, 10**6]), r"one example of shape \[1, 1000000, 1000000\] takes 4 TB"),
        (absurd(data_shape=[1, 10**9, 10**9, 10**30]), "one example of shape"),
        (absurd(classes=10**12), "asks for .* of memory"),
        (absurd(classes=10, condition_dim=10**12), "asks for .* of memory"),
        (absurd(encoder={"name": "mlp", "widths": [1], "depth": 10**9}), "more than 2,000 tensors"),
    ],
)
def test_an_absurd_size_is_refused_before_memory_is_taken(
    checkpoint: Path, change: Callable, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tenth of the tensors that are allowed are made in a tenth of the time.
    monkeypatch.setattr(checkpoint_module, "WeightsLimit", functools.partial(WeightsLimit, tensors=2000))
    edit_config(checkpoint, change)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=message) as refusal:
        zoo.load(checkpoint)
    assert str(checkpoint / "config.json") in str(refusal.value)
    # ru_maxrss counts kibibytes on Linux, bytes on macOS; both are far below what was asked for.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024


def test_a_configuration_or_a_header_of_absurd_length_is_refused_unread(checkpoint: Path) -> None:
    config = (checkpoint / "config.json").read_text()
    (checkpoint / "config.json").write_text(config + " " * 5_000_000)
    with pytest.raises(CheckpointError, match=r"config.json: expected at most 4.2 MB, got 5 MB"):
        zoo.load(checkpoint)
    (checkpoint / "config.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match="damaged: not valid JSON"):
        zoo.load(checkpoint)
    (checkpoint / "config.json").write_text(config)
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.write((2**40).to_bytes(8, "little"))
    with pytest.raises(CheckpointError, match=r"not a safetensors file \(its header claims 1.1 TB, of .* in all"):
        zoo.load(checkpoint)


@pytest.mark.parametrize("components", [{"posterior": 5}, {"nothing": {"name": [], "distribution": []}}, [1]])
def test_nonsense_about_components_is_no_crash(checkpoint: Path, components: object) -> None:
    edit_config(checkpoint, lambda config: config.update(components=components))
    with contextlib.suppress(ZooError):
        zoo.load(checkpoint)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_truncated_or_missing_file_is_named(checkpoint: Path, name: str) -> None:
    path = checkpoint / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="damaged") as refusal:
        zoo.load(checkpoint)
    assert name in str(refusal.value)
    path.unlink()
    with pytest.raises(CheckpointError, match=name):
        zoo.load(checkpoint)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such directory"):
        zoo.load(tmp_path / "nowhere")


def test_no_name_is_not_the_current_directory(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkpoint)
    with pytest.raises(CheckpointError, match="no such directory"):
        zoo.load("")
    zoo.load(".")


def test_what_is_no_name_and_a_device_that_is_not_there_are_refused(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"^model: expected a directory or the name of a model, got int"):
        zoo.load(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^device: the weights cannot be put on 'cudda': "):
        zoo.load(checkpoint, device="cudda")
    for wrong in (3.5, torch.float16):
        with pytest.raises(InputError, match=r"^device: "):
            zoo.load(checkpoint, device=wrong)  # type: ignore[arg-type]

    def without_a_driver(*_: object, **__: object) -> None:
        raise RuntimeError("Found no NVIDIA driver on your system. Please check\nand so on")

    monkeypatch.setattr(torch.nn.Module, "to", without_a_driver)
    with pytest.raises(InputError, match=r"'cuda': Found no NVIDIA driver on your system. Please check\n`cpu` is"):
        zoo.load(checkpoint, device="cuda")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        zoo.save(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)), checkpoint)
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before
