"""Kill a run at changes that it makes to the file system, resume it, and compare every file with an undisturbed run.

At every change: ``python -m tests.hostile.kills``. At random moments: ``python -m tests.hostile.kills --random 100``.
Each kill and each resumption is a forked process, in which torch is loaded already.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

import zoo
from tests.hostile.changes import Changes, forked, kill_at
from tests.runs.kill_and_resume import differences

STEPS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "checkpoint_every": {"steps": 2},
    "precision": "fp32",
    "device": "cpu",
}
RECIPE: dict[str, Any] = {
    "name": "killed",
    "model": {
        "preset": "vae-mlp-2d",
        "encoder": {"widths": [4]},
        "decoder": {"widths": [4]},
        "fitted_prior": {"name": "gaussian", "learned": True},
    },
    "data": {"name": "digits", "subset": 60},
    "train": {**STEPS, "keep_every": 1, "ema": 0.9},
    "fit": {**STEPS, "epochs": 1},
    "evaluate": {"metrics": ["mse"], "figures": ["samples"]},
}
"""A small run with every kind of file: kept checkpoints, a second stage, metrics, a figure."""


ADVERSARIAL: dict[str, Any] = {
    **RECIPE,
    "model": {
        "preset": "factor-vae-mlp-10d",
        "encoder": {"widths": [4]},
        "decoder": {"widths": [4]},
        "regularisers": {"total_correlation": {"name": "total_correlation_critic", "width": 8, "depth": 1}},
        "fitted_prior": {"name": "gaussian", "learned": True},
    },
}
"""A run with a critic, which has an optimiser of its own."""


QUANTISED: dict[str, Any] = {
    **RECIPE,
    "model": {
        "preset": "vqvae-conv-16d",
        "encoder": {"channels": [4, 4]},
        "posterior": {"name": "vector_quantized", "codes": 8},
        "decoder": {"channels": [4, 4]},
        "fitted_prior": {"name": "pixelcnn", "width": 4, "depth": 1},
    },
}
"""A run with codes, whose codebook follows averages and revives codes that are not used, and a prior of them."""


RUNS = {"plain": RECIPE, "adversary": ADVERSARIAL, "codes": QUANTISED}


SWEPT: dict[str, Any] = {
    "name": "swept",
    "model": {"preset": "vae-mlp-2d", "encoder": {"widths": [4]}, "decoder": {"widths": [4]}},
    "data": RECIPE["data"],
    "train": {**STEPS, "epochs": 1},
    "evaluate": {"metrics": ["mse"], "figures": []},
}


class Job(Protocol):
    """What is killed: it fills a folder, or goes on with what is there."""

    def __call__(self, folder: Path, *, resume: bool = False) -> None:
        """Work to the end."""


def training(recipe: dict[str, Any]) -> Job:
    """Return what trains one run."""

    def train(folder: Path, *, resume: bool = False) -> None:
        zoo.train(recipe, out=folder, resume=resume)

    return train


def sweep(folder: Path, *, resume: bool = False) -> None:
    """Train two runs, and compare them."""
    zoo.sweep(SWEPT, {"model.latent_dim": [1, 2]}, out=folder, resume=resume)


def counted(job: Job, folder: Path) -> int:
    """Work undisturbed, and return how many changes that makes."""
    note = folder.with_suffix(".count")

    def work() -> None:
        changes = Changes(folder).install()
        job(folder)
        note.write_text(str(changes.count))

    if forked(work, folder.with_suffix(".log")) != 0:
        raise AssertionError(folder.with_suffix(".log").read_text())
    return int(note.read_text())


def resumed(job: Job, folder: Path) -> str:
    """Go on with a killed job to its end; return what went wrong."""
    log = folder.with_suffix(".log")
    return "" if forked(lambda: job(folder, resume=True), log) == 0 else log.read_text()


def killed_at(job: Job, folder: Path, number: int) -> str:
    """Work until the change of a number, kill it there, and resume; return what went wrong."""

    def work() -> None:
        Changes(folder, kill_at(number)).install()
        job(folder)

    status = forked(work, folder.with_suffix(".log"))
    if status != -signal.SIGKILL:
        return f"it ended with {status}: {folder.with_suffix('.log').read_text()}"
    return resumed(job, folder)


def killed_after(job: Job, folder: Path, seconds: float) -> str:
    """Work for some seconds, kill it, and resume; return what went wrong."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT, 0o600), 2)
        job(folder)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return resumed(job, folder)


def failures(cases: list[tuple[str, Callable[[Path], str]]], whole: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each case and what went wrong, empty where the run ended with the same bytes."""
    for name, kill in cases:
        folder = root / name.replace(" ", "-")
        problem = kill(folder)
        different = [] if problem else differences(whole, folder)
        yield name, problem or (f"other bytes: {', '.join(different)}" if different else "")
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".log").unlink(missing_ok=True)


def main() -> None:
    """Try all kills; exit with 1 if any run ended with other bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="kill at every N-th change")
    parser.add_argument("--first", type=int, default=1, help="the first change to kill at")
    parser.add_argument("--random", type=int, default=0, help="kill at so many random moments instead")
    parser.add_argument("--run", choices=RUNS, default="plain", help="which run is killed")
    parser.add_argument("--sweep", action="store_true", help="kill a sweep of two runs rather than a run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    job: Job = sweep if options.sweep else training(RUNS[options.run])
    torch.set_num_threads(1)  # a fork hangs in torch's threads, which it does not inherit
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        job(root / "warm")  # what is imported and cached here is there in every forked process
        began = time.monotonic()
        changes = counted(job, root / "whole")
        duration = time.monotonic() - began
        sys.stdout.write(f"undisturbed: {changes} changes, {duration:.1f} s\n")
        moments = random.Random(options.seed)
        cases: list[tuple[str, Callable[[Path], str]]] = []
        if options.random:
            for number in range(options.random):
                seconds = moments.uniform(0, 1.1) * duration
                cases.append((f"moment {number}", lambda folder, seconds=seconds: killed_after(job, folder, seconds)))
        else:
            for number in range(options.first, changes + 1, options.every):
                cases.append((f"change {number}", lambda folder, number=number: killed_at(job, folder, number)))
        wrong = 0
        for done, (case, problem) in enumerate(failures(cases, root / "whole", root), start=1):
            wrong += bool(problem)
            if problem or done % 50 == 0:
                sys.stdout.write(f"{case}: {problem or 'the same bytes'}\n")
                sys.stdout.flush()
        sys.stdout.write(f"{len(cases) - wrong} of {len(cases)} killed runs ended with the same bytes\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
