"""Kill a training run at a random moment with SIGKILL, resume it, and compare every file with an undisturbed run.

Run it at length with ``python -m tests.runs.kill_and_resume --tries 25``.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.processes import Process

SETTINGS = [
    "train.epochs=15",
    "train.checkpoint_every={steps: 7}",
    # What ends a run is there too, but briefly: kills should fall into all of its stages.
    "evaluate.metrics=[elbo, mse]",
    "evaluate.figures=[loss, samples]",
]
RECIPE = ["digits", "--quiet", *(word for setting in SETTINGS for word in ("--set", setting))]
# Two processes that share two cores wait for each other's threads; this model is too small to need more than one.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def train(folder: Path, *options: str) -> Process:
    """Start ``zoo-cli train`` in a process of its own."""
    return Process("-m", "zoo", "train", *RECIPE, "--out", folder, *options, env=ENVIRONMENT)


def finish(folder: Path, *options: str) -> float:
    """Train to the end and return the seconds that it took."""
    began = time.monotonic()
    process = train(folder, *options)
    _, errors = process.communicate()
    if process.returncode != 0:
        raise AssertionError(f"training failed with {process.returncode}: {errors}")
    return time.monotonic() - began


def kill_at(folder: Path, seconds: float) -> str:
    """Start training, kill it after so many seconds, and say how far it was."""
    process = train(folder)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    if (folder / "evaluation.json").is_file():
        return "finished"
    if (folder / "last").is_dir():
        return "evaluating"
    if (folder / "state" / "training.safetensors").is_file():
        lines = (folder / "metrics.jsonl").read_text().count("\n") if (folder / "metrics.jsonl").is_file() else 0
        return f"training, {lines} epochs recorded"
    return "starting"


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a run but the lock, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def differences(first: Path, second: Path) -> list[str]:
    """Name the files that are not the same in two runs."""
    ours, theirs = contents(first), contents(second)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def main() -> None:
    """Try so many times; exit with 1 if any run ended with other bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        duration = finish(root / "undisturbed")
        print(f"undisturbed: {duration:.1f} s, {len(contents(root / 'undisturbed'))} files")
        for attempt in range(1, arguments.tries + 1):
            folder = root / f"run-{attempt}"
            moment = moments.uniform(0.3, 1.0) * duration
            where = kill_at(folder, moment)
            finish(folder, "--resume")
            different = differences(root / "undisturbed", folder)
            failures += bool(different)
            verdict = f"different: {', '.join(different)}" if different else "identical"
            print(f"{attempt:3d}. killed after {moment:5.2f} s ({where}), resumed: {verdict}", flush=True)
    print(f"{arguments.tries - failures} of {arguments.tries} runs ended with identical bytes")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
