# ruff: noqa: PTH117 - paths are looked at as strings, without touching the disk
"""Mutate good files at random and feed them to every door for foreign bytes; only errors of the package may come out.

Run it at length with ``python -m tests.hostile.fuzz --inputs 100000``. An input that fails is kept in ``--corpus``, and
given again first the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch
from PIL import Image
from safetensors.torch import save_file

import zoo
from tests.hostile.changes import PATHS, WRITES
from tests.hostile.hub_door import HubDoor
from tests.hostile.run_doors import RunDoors
from tests.hostile.value_door import ValueDoor
from zoo.errors import ZooError
from zoo.evaluation.record import load_record
from zoo.hub.content import read_foreign_recipe
from zoo.runs.stage import StageFiles
from zoo.use.masks import read_mask

LONGEST_SECONDS, MOST_BYTES = 10.0, 4 * 2**30
WORDS = [
    b"", b"\0", b"\xff", b"{", b"}", b"[", b"]", b'"', b":", b"-", b"1e999", b"NaN", b"null", b"9" * 40, b"&a ", b"*a",
    b"!!int ", b"<<: ", b"../", b"/dev/zero", b"\xe2\x80\xae", b"\x1b[2J", b"\n", b"\t", b"True", b"(0,)", b"'O'",
]  # fmt: skip

EPOCH = b'{"epoch": 1, "step": 2, "train": {"loss": 1.0}, "validation": {"loss": 2}, "best": true}\n'


@dataclass(frozen=True)
class Door:
    """A way in: files that are good, and what reads one in a folder of its own."""

    name: str
    seeds: dict[str, bytes]
    read: Callable[[Path], object]


class Outside:
    """What this process changes on the disk outside of a folder; it looks as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        self.allowed, self.seen = (os.path.realpath(folder), "/dev/", "/proc/"), list[str]()
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            paths = [arguments[0]] if isinstance(arguments[2], int) and arguments[2] & WRITES else []
        else:
            paths = [arguments[position] for position in PATHS.get(event, ())]
        for path in paths:
            # What is relative to an open folder is below one that was opened by its whole name.
            if isinstance(path, (str, bytes)) and os.path.isabs(path):
                whole = os.path.realpath(os.fsdecode(path))
                if not whole.startswith(self.allowed) and "__pycache__" not in whole:
                    self.seen.append(f"{event} {whole}")


def mutated(content: bytes, source: random.Random) -> bytes:
    """Return a content with a few random changes."""
    data = bytearray(content)
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        at, how = source.randrange(len(data) + 1), source.randrange(6)
        end = min(len(data), at + source.choice((1, 2, 4, 8, 64, 4096)))
        if how == 0 and data:
            data[at % len(data)] ^= 1 << source.randrange(8)
        elif how == 1:
            data[at:end] = source.choice(WORDS)
        elif how == 2:
            del data[at:end]
        elif how == 3:
            data[at:at] = data[at:end] * source.choice((1, 2, 9))
        elif how == 4:
            data[at:end] = source.randbytes(end - at)
        else:
            del data[at:]
    return bytes(data)


def arrays(path: Path) -> object:
    """Load an array, held in memory and, where that can be, streamed."""
    for limit in (1, 0) if path.suffix == ".npy" else (1,):
        zoo.load_data({"name": "arrays", "path": str(path), "in_memory_limit_mb": limit, "workers": 0})
    return None


def doors(folder: Path) -> list[Door]:
    """Return the doors, with good files made in a folder."""
    model = zoo.save(zoo.build("vae-mlp-2d", data_shape=(4,), likelihood="gaussian"), folder / "model")
    np.save(folder / "x.npy", np.eye(8, 4, dtype="f4"))
    np.savez_compressed(folder / "x.npz", x=np.eye(8, 4, dtype="f4"), y=np.arange(8) % 2)
    save_file({"x": torch.eye(8, 4), "y": torch.arange(8) % 2}, folder / "x.safetensors")
    Image.new("RGB", (6, 4), "red").save(folder / "i.png")
    Image.new("RGB", (6, 4), "red").save(folder / "i.jpg")
    pretrained = Path(zoo.__file__).parent / "pretrained" / "vae-mlp-2d.digits"
    recipe = (pretrained / "recipe.yaml").read_bytes()

    def load(changed: Path) -> object:
        target = changed.parent / "changed"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(model, target)
        shutil.copyfile(changed, target / changed.name)
        return zoo.load(target)

    def images(path: Path) -> object:
        target = path.parent / "images"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for number in range(6):
            shutil.copyfile(path, target / f"{number}{path.suffix}")
        return zoo.load_data({"name": "image_folder", "root": str(target), "workers": 0})

    def override(path: Path) -> object:
        return zoo.load_recipe("digits", [path.read_bytes().decode("utf-8", "replace")])

    def table(path: Path) -> object:
        return zoo.load_data({"name": "table", "path": str(path), "label": "kind"})

    def records(path: Path) -> object:
        return StageFiles(path.parent, "training", path.name).read_metrics()

    def read(name: str) -> dict[str, bytes]:
        return {name: (folder / name).read_bytes()}

    rows = "".join(f"{n},{n / 7:.3f},{'ab'[n % 2]},2026-0{1 + n % 9}-1{n % 8},{n % 3 == 0}\n" for n in range(40))
    (folder / "t.csv").write_text(f"count,share,kind,day,truth\n{rows}")
    pandas.read_csv(folder / "t.csv").to_parquet(folder / "t.parquet")
    np.save(folder / "m.npy", np.eye(8, 4) > 0)
    np.savez_compressed(folder / "m.npz", mask=np.eye(8, 4) > 0)
    hub, values = HubDoor(folder, model), ValueDoor(folder)

    return [
        Door("table", read("t.csv") | read("t.parquet"), table),
        Door("mask", read("m.npy") | read("m.npz") | read("i.png"), read_mask),
        Door("hub", hub.answers, hub.read),
        Door("values", values.seeds, values.read),
        *(Door(*door) for door in RunDoors(folder).doors()),
        Door("recipe", {"recipe.yaml": recipe}, zoo.load_recipe),
        Door("foreign recipe", {"recipe.yaml": recipe}, read_foreign_recipe),
        Door("override", {"o": b"model.encoder.widths=[8, {a: 1e-3}]"}, override),
        Door("configuration", {"config.json": (model / "config.json").read_bytes()}, load),
        Door("weights", {"model.safetensors": (model / "model.safetensors").read_bytes()}, load),
        Door("arrays", read("x.npy") | read("x.npz"), arrays),
        Door("tensors", read("x.safetensors"), arrays),
        Door("images", read("i.png") | read("i.jpg"), images),
        Door("evaluation", {"evaluation.json": (pretrained / "evaluation.json").read_bytes()}, load_record),
        Door("metrics", {"metrics.jsonl": EPOCH * 3}, records),
    ]


def failure(door: Door, name: str, content: bytes, folder: Path, outside: Outside) -> str | None:
    """Feed one content to a door; return what went wrong."""
    path = folder / name
    path.write_bytes(content)
    outside.seen.clear()
    began = time.process_time()  # which other programs do not lengthen
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.read(path)
    except ZooError as error:
        if len(str(error)) > 10_000:
            return f"a message of {len(str(error))} letters"
    except Exception:
        return traceback.format_exc()
    if outside.seen:
        return f"it wrote elsewhere: {outside.seen[0]}"
    if time.process_time() - began > LONGEST_SECONDS:
        return f"it took {time.process_time() - began:.0f} seconds"
    return None


def check_seeds(chosen: list[Door], folder: Path) -> None:
    """Read every file as it is: a door that refused good files would be tested in vain."""
    for door in chosen:
        if not door.seeds:
            raise AssertionError(f"the door {door.name!r} has no files")
        for name, content in door.seeds.items():
            (folder / name).write_bytes(content)
            door.read(folder / name)


def run(
    inputs: int, seed: int, only: str = "", corpus: Path | None = None, seconds: float = math.inf
) -> Iterator[tuple[str, bytes, str | None]]:
    """Feed mutated contents to all doors in turn; yield the door, the content and the failure, if any, of each.

    Args:
        only: doors whose name holds this.
        corpus: inputs that failed before, which are fed first, and where those that fail are kept.
        seconds: ends sooner when they have passed.
    """
    source, began = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        chosen = [door for door in doors(folder) if only in door.name]
        work = folder / "work"
        work.mkdir()
        check_seeds(chosen, work)
        outside = Outside(folder)
        for door in chosen if corpus else []:
            for path in sorted((corpus / door.name).glob("*")):
                content = path.read_bytes()
                for name in door.seeds:
                    if Path(name).suffix == path.suffix:
                        yield door.name, content, failure(door, name, content, work, outside)
        for number in range(inputs):
            if time.monotonic() - began > seconds:
                return
            door = chosen[number % len(chosen)]
            name = source.choice(sorted(door.seeds))
            content = mutated(door.seeds[name], source)
            problem = failure(door, name, content, work, outside)
            if problem and corpus is not None:
                (corpus / door.name).mkdir(parents=True, exist_ok=True)
                digest = hashlib.sha256(content).hexdigest()[:16]
                (corpus / door.name / f"{digest}{Path(name).suffix}").write_bytes(content)
            yield door.name, content, problem


def main() -> None:
    """Fuzz at length, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000 if "--seconds" in sys.argv else 10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--door", default="", help="only doors whose name holds this")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end sooner, after these")
    parser.add_argument("--corpus", default="fuzz-corpus", help="folder of inputs that failed; empty: keep none")
    options = parser.parse_args()
    # The libraries themselves are mapped, and are no memory that an input takes.
    limit = MOST_BYTES + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    count = failures = 0
    corpus = Path(options.corpus) if options.corpus else None
    for door, content, problem in run(options.inputs, options.seed, options.door, corpus, options.seconds):
        count += 1
        if problem:
            failures += 1
            sys.stdout.write(f"=== {door}, {len(content)} bytes\n{problem}\n")
    sys.stdout.write(f"{count:,} inputs, {failures} failures\n")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
