"""Files of weights: what is read, refused and written, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from zoo.checkpoints.allocation import WeightsLimit
from zoo.checkpoints.weights import (
    check_weights,
    describe_not_finite,
    own_tensors,
    read_weights,
    write_tensors,
)
from zoo.errors import CheckpointError


def test_the_limit_is_sixteen_times_the_weights_and_64_mib_besides() -> None:
    limit, most = WeightsLimit(weights=1000), 16 * 1000 + 64 * 2**20
    assert (limit.limit, limit.tensors) == (most, 20_000)
    limit.check_example((most // 4,))
    limit.check_example(None)
    for shape in ((most // 4 + 1,), (2, most // 8 + 1)):
        with pytest.raises(CheckpointError, match=r"one example of shape .*(?s:.)*16 times their size and 67 MB"):
            limit.check_example(shape)


def test_the_first_three_names_are_said_and_how_many_more_there_are() -> None:
    assert describe_not_finite(["a", "b", "c"]).endswith(": 'a', 'b', 'c'")
    assert describe_not_finite(["a", "b", "c", "d", "e"]).endswith(": 'a', 'b', 'c', and 2 more")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r"\(it has 0 bytes\)"),
        (b"\1" + bytes(6), r"\(it has 7 bytes\)"),
        (b"\1" + bytes(7), r"\(its header claims 1 bytes, of 8 bytes in all"),
        ((2**24 + 1).to_bytes(8, "little") + bytes(2**24 + 1), r"header claims 17 MB, of 17 MB in all; at most 17 MB"),
    ],
    ids=["nothing", "7 bytes", "8 bytes", "a long header"],
)
def test_a_header_that_the_file_cannot_hold_is_refused_before_it_is_read(
    content: bytes, found: str, tmp_path: Path
) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(CheckpointError, match=found):
        check_weights(tmp_path / "w")


@pytest.mark.parametrize("header", [0, 2**24], ids=["none", "the longest"])
def test_a_header_that_is_all_of_the_file_is_read(header: int, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(header.to_bytes(8, "little") + b"{}" + b" " * (header - 2) if header else bytes(8))
    assert check_weights(tmp_path / "w") == 8 + header
    save_file({}, tmp_path / "empty")
    assert read_weights(tmp_path / "empty") == {}


def test_tensors_that_share_memory_are_written_once_each_and_cut_to_themselves(tmp_path: Path) -> None:
    whole = torch.arange(100_000.0)
    tensors = {"part": whole[:10], "whole": whole, "again": whole, "rest": whole[10:20], "flat": whole[::2]}
    write_tensors(tensors, tmp_path / "w")
    found = read_weights(tmp_path / "w")
    assert list(found) == sorted(tensors) or found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor), name
    assert (tmp_path / "w").stat().st_size < 4 * (250_020) + 1000


def test_a_tensor_of_several_modules_counts_once_and_others_of_the_same_memory_count() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model[2].weight = nn.Parameter(model[0].weight.detach().view(4)[:2].view(1, 2))
    for place, name in enumerate(("first", "second")):
        model[place].register_buffer(name, torch.empty(0))
    assert list(own_tensors(model)) == [
        "0.weight", "0.bias", "0.first", "1.bias", "1.second", "2.weight", "2.bias",
    ]  # fmt: skip
