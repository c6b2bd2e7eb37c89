"""Whatever writes a file replaces files alone: no device, pipe, link or directory; and it leaves the old one whole."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import zoo
from tests.hostile.conftest import ZooCli, assert_one_message
from tests.hostile.matrix import commands, words_of
from zoo.checkpoints import checkpoint
from zoo.checkpoints.weights import read_tensors, write_tensors
from zoo.cli import cli
from zoo.errors import CheckpointError, InputError, UnusableModelWarning, ZooError
from zoo.model import Model
from zoo.utils.files import append_line, replacing, replacing_directory, replacing_together, write_text

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices, pipes and links of POSIX")

MODEL = "vae-mlp-2d.digits"


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("needs the right to make a device")


def make_link(path: Path) -> None:
    target = path.with_name("precious")
    target.write_text("mine")
    path.symlink_to(target)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def make_directory(path: Path) -> None:
    path.mkdir()


IN_THE_WAY = {"pipe": make_pipe, "device": make_device, "link": make_link, "dangling": make_dangling_link}


@pytest.mark.parametrize("make", [*IN_THE_WAY.values(), make_directory], ids=[*IN_THE_WAY, "directory"])
@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "new"),
        lambda path: append_line(path, "new"),
        lambda path: zoo.save(zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)), path.parent),
    ],
    ids=["a text", "a line", "a checkpoint"],
)
def test_a_writer_replaces_files_alone(make: Callable, write: Callable, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    make(path)
    before = path.lstat()
    with pytest.raises(
        InputError, match=r"model\.safetensors: (it is a link|expected a path for a file, got) "
    ) as refusal:
        write(path)
    assert "\n" in str(refusal.value)
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "precious").exists() or (tmp_path / "precious").read_text() == "mine"
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".partial")]


SUFFIXES = {"sample": ".npy", "evaluate": ".json", "report": ".html", "embed": ".parquet", "score": ".csv",
            "impute": ".npz", "reconstruct": ".png"}  # fmt: skip
"""Kinds of files that commands write; other commands write folders."""
WITH_OUT = [name for name in commands() if any(each.name == "out" for each in cli.get_command(None, name).params)]  # type: ignore[arg-type, union-attr]


@pytest.mark.parametrize("make", IN_THE_WAY.values(), ids=list(IN_THE_WAY))
@pytest.mark.parametrize("command", [*WITH_OUT, "sample a picture", "score an archive"])
def test_the_out_of_a_command_replaces_files_alone(
    command: str, make: Callable, run: Path, tmp_path: Path, zoo_cli: ZooCli
) -> None:
    command, _, other = command.partition(" ")
    suffix = {"a picture": ".png", "an archive": ".npz"}.get(other) or SUFFIXES.get(command, "")
    path = tmp_path / f"out{suffix}"
    make(path)
    mode = path.lstat().st_mode
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if make is make_pipe else None
    assert_one_message(zoo_cli(*words_of(command, suffix)), f"out{suffix}", status=(1, 2))
    assert path.lstat().st_mode == mode
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "precious").exists() or (tmp_path / "precious").read_text() == "mine"
    assert not list(tmp_path.rglob("*.partial"))
    if reader is not None:
        os.close(reader)


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 120, "a b\nc"])
def test_a_name_as_long_as_the_system_allows_is_written(name: str, tmp_path: Path) -> None:
    write_text(tmp_path / name, "whole")
    assert (tmp_path / name).read_text() == "whole"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_describe_os_error_names_the_file_and_not_a_temporary_one(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        with replacing(path) as temporary:
            temporary.touch()
            raise OSError(28, "No space left on device", str(temporary))

    def fill_without_a_name(path: Path) -> None:
        with replacing(path):
            raise OSError("4096 requested and 2218 written")

    with pytest.raises(OSError, match="No space") as error:
        fill(tmp_path / "a")
    assert error.value.filename == str(tmp_path / "a")
    with pytest.raises(OSError, match="4096 requested") as error:
        fill_without_a_name(tmp_path / "b")
    assert error.value.filename == str(tmp_path / "b")
    for write in (lambda: write_text("/proc/d", "x"), lambda: replacing_directory("/proc/d").__enter__()):
        with pytest.raises(OSError, match=r"No such file|denied|not permitted|Read-only") as error:
            write()
        assert error.value.filename == "/proc/d"
    (tmp_path / "c").write_text("a file")
    with pytest.raises(FileExistsError) as error:
        write_text(tmp_path / "c" / "d", "x")
    assert error.value.filename == str(tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c"]


def test_files_that_belong_together_are_replaced_together(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("old")

    def half() -> None:
        with replacing_together(tmp_path / "a", tmp_path / "b") as (a, b):
            a.write_text("new")
            raise OSError(28, "No space left on device", str(b))

    with pytest.raises(OSError, match="No space"):
        half()
    assert {(tmp_path / name).read_text() for name in "ab"} == {"old"}
    with replacing_together(tmp_path / "a", tmp_path / "b") as (a, b):
        a.write_text("new")
        b.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "new"}


# Checkpoints.


def trained() -> Model:
    return zoo.load(MODEL)


def tied() -> Model:
    model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), encoder={"widths": [8, 8]}, decoder={"widths": [8, 8]})
    first, second = (block.layer for block in model.encoder.blocks)  # type: ignore[union-attr, misc]
    first.weight = nn.Parameter(torch.randn(8, 64))
    model.decoder.blocks[1].layer.weight = second.weight  # type: ignore[index, union-attr]
    return model.eval()


def overlapping() -> Model:
    """A model whose biases are two halves of one tensor."""
    model = tied()
    both = torch.randn(16)
    for block, half in zip(model.encoder.blocks, both.split(8), strict=True):  # type: ignore[arg-type]
        block.layer.bias = nn.Parameter(half)  # type: ignore[union-attr]
    return model


SAVED = {
    "float64": lambda: trained().double(),
    "bfloat16": lambda: trained().to(torch.bfloat16),
    "float16": lambda: trained().half(),
    "half of it in float16": lambda: _half(trained()),
    "compiled": lambda: torch.compile(trained(), backend="eager"),
    "DataParallel": lambda: nn.DataParallel(trained()),
    "compiled and wrapped": lambda: nn.DataParallel(torch.compile(trained(), backend="eager")),
    "tied": tied,
    "overlapping": overlapping,
    "frozen": lambda: trained().requires_grad_(False),
}


def _half(model: Model) -> Model:
    model.encoder.half()
    return model


@pytest.mark.parametrize("make", SAVED.values(), ids=list(SAVED))
def test_a_model_is_saved_as_what_loads(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    model = make()
    inner = model
    while not isinstance(inner, Model):
        inner = getattr(inner, "_orig_mod", None) or inner.module  # type: ignore[assignment]
    again = zoo.load(zoo.save(model, tmp_path))
    for name, tensor in inner.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.to(again.state_dict()[name].dtype)), name


def _parametrised() -> Model:
    model = trained()
    parametrize.register_parametrization(model.decoder.blocks[0].layer, "weight", nn.Identity())  # type: ignore[index, union-attr]
    return model


def _replaced() -> Model:
    model = trained()
    model.encoder.blocks[0].layer = nn.Linear(64, 7)  # type: ignore[index, union-attr]
    return model


def _with_a_stranger() -> Model:
    model = trained()
    model.stranger = nn.Linear(2, 2)
    return model


def _with_whole_numbers() -> Model:
    model = trained()
    layer = model.encoder.blocks[0].layer  # type: ignore[index, union-attr]
    whole = layer.bias.long()
    del layer.bias
    layer.register_buffer("bias", whole)
    return model


def _of_another_spec() -> Model:
    model = trained()
    model.spec = model.spec.model_copy(update={"latent_dim": 7})
    return model


def _on_meta() -> Model:
    return trained().to("meta")


def _half_on_meta() -> Model:
    model = trained()
    model.encoder.to("meta")
    return model


def _sparse() -> Model:
    model = trained()
    layer = model.encoder.blocks[0].layer  # type: ignore[index, union-attr]
    sparse = layer.weight.data.to_sparse()
    del layer.weight
    layer.register_buffer("weight", sparse)
    return model


def _quantised() -> Model:
    if not hasattr(torch, "quantize_per_tensor"):
        pytest.skip("this torch has no quantised tensors")
    model = trained()
    layer = model.encoder.blocks[0].layer  # type: ignore[index, union-attr]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a later torch will lack them
        quantised = torch.quantize_per_tensor(layer.weight.data, 0.1, 0, torch.qint8)
    del layer.weight
    layer.register_buffer("weight", quantised)
    return model


def _with_a_state_of_its_own() -> Model:
    model = trained()
    model.register_state_dict_post_hook(lambda module, state, prefix, _: state.update(kind={"a": 1}))
    return model


def _wrapped_without_end() -> nn.Module:
    wrapper = nn.DataParallel(trained())
    wrapper._modules["module"] = wrapper
    return wrapper


@pytest.mark.parametrize(
    "make",
    [_on_meta, _half_on_meta, _sparse, _with_a_state_of_its_own, _wrapped_without_end, _parametrised, _replaced,
     _with_a_stranger, _with_whole_numbers, _of_another_spec, lambda: nn.Linear(2, 2), lambda: None],
    ids=["on meta", "half on meta", "sparse", "a state of its own", "wrapped without end", "parametrised", "replaced",
         "with a stranger", "with whole numbers", "of another spec", "a layer", "None"],
)  # fmt: skip
def test_what_would_not_load_is_refused_and_the_old_checkpoint_stays(make: Callable, tmp_path: Path) -> None:
    zoo.save(trained(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises((ZooError, TypeError)):
        zoo.save(make(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    zoo.load(tmp_path)


@pytest.mark.parametrize("make", [_quantised, _sparse, _on_meta], ids=["quantised", "sparse", "on meta"])
def test_a_tensor_without_plain_values_is_named_with_the_remedy(make: Callable, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"encoder\.blocks\.0\.layer\.weight: .*(type torch\.qint8|layout|meta)"
    ) as refusal:
        zoo.save(make(), tmp_path)
    assert "Save the model before it is quantised" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def spoilt(value: float, name: str = "encoder.blocks.0.layer.bias") -> Model:
    model = trained()
    with torch.no_grad():
        model.state_dict()[name].view(-1)[0] = value
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_named_and_replace_nothing(
    value: float, tmp_path: Path, zoo_cli: ZooCli
) -> None:
    model = spoilt(value)
    with pytest.warns(UnusableModelWarning, match=r"not finite: 'encoder\.blocks\.0\.layer\.bias'$"):
        zoo.save(model, tmp_path / "new")
    with pytest.warns(UnusableModelWarning, match=r"not finite: 'encoder\.blocks\.0\.layer\.bias'\."):
        zoo.load(tmp_path / "new")
    zoo.save(trained(), tmp_path / "old")
    with pytest.raises(CheckpointError, match=r"not finite: .*; the checkpoint that is there was kept"):
        zoo.save(model, tmp_path / "old")
    zoo.load(tmp_path / "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


@pytest.mark.parametrize(
    "command", [["sample"], ["evaluate", "--data", "digits"], ["plot", "embedding", "--data", "digits"], ["report"]]
)
def test_a_command_refuses_weights_that_are_not_finite(command: list[str], tmp_path: Path, zoo_cli: ZooCli) -> None:
    with pytest.warns(UnusableModelWarning):
        zoo.save(spoilt(float("nan"), "posterior.head.weight"), tmp_path / "m")
    assert_one_message(zoo_cli(command[0], tmp_path / "m", *command[1:]), "not finite", status=(2,))
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_value_too_large_for_32_bits_is_named(tmp_path: Path) -> None:
    model = trained().double()
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] = 1e300
    with pytest.warns(UnusableModelWarning, match="not finite"):
        zoo.save(model, tmp_path)


def test_a_model_is_compared_with_a_new_one_once_for_each_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
    zoo.save(model, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "assemble", lambda _: pytest.fail("built again"))
        zoo.save(model, tmp_path)
    model.spec = model.spec.model_copy(update={"latent_dim": 7})
    with pytest.raises(CheckpointError, match="has shape"):
        zoo.save(model, tmp_path)


def test_loading_draws_no_random_numbers(tmp_path: Path) -> None:
    zoo.save(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)), tmp_path)
    before = torch.get_rng_state()
    zoo.load(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_saving_draws_no_random_numbers(tmp_path: Path) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    zoo.save(model, tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_tensors_keep_their_facts(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    write_tensors({"a": shared, "b": shared[2:], "c": shared.view(2, 3).T}, tmp_path / "x", {"note": "ü"})
    tensors, facts = read_tensors(tmp_path / "x")
    assert facts == {"note": "ü"}
    assert torch.equal(tensors["b"], shared[2:])
    assert torch.equal(tensors["c"], shared.view(2, 3).T)
