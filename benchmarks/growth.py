"""How the cost of a model grows: time and memory of a training step and of the log-likelihood, with a floor below.

One of batch, latent_dim, width and K is varied at a time, the others stay. The floor is the time that the matrix
products alone would take at the speed that this machine has for a large one: 6 operations for a weight and an example
in training (2 forward, 4 backward), 2 for a weight and a draw in a likelihood.

    python -m benchmarks growth --plot growth.png
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import zoo
from benchmarks._measure import interleaved, matrix_peak, write

BASE = {"batch": 128, "latent_dim": 16, "width": 512, "K": 1000}
SWEEPS = {
    "batch": [16, 32, 64, 128, 256, 512, 1024, 2048],
    "latent_dim": [2, 4, 8, 16, 32, 64, 128, 256],
    "width": [64, 128, 256, 512, 1024, 2048],
    "K": [10, 30, 100, 300, 1000, 3000, 10000],
}
POSTERIORS = ("diagonal_gaussian", "full_gaussian")
EXAMPLES = 8
"""Examples of which a likelihood is estimated at a time."""


def main(arguments: list[str]) -> None:
    """Sweep, print a table, and draw it if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each point (%(default)s)")
    parser.add_argument("--device", default="cpu", help="where to run (%(default)s)")
    parser.add_argument("--plot", type=Path, help="picture to draw")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    peak = matrix_peak(device=options.device)
    points: list[dict[str, Any]] = []
    for name, values in SWEEPS.items():
        for value in values:
            sizes = {**BASE, name: value}
            work = {posterior: Work(posterior, sizes, name == "K", options.device) for posterior in POSTERIORS}
            seconds = interleaved({posterior: each.do for posterior, each in work.items()}, options.rounds)
            for posterior, each in work.items():
                time, floor = statistics.median(seconds[posterior]), each.operations / peak
                point = {"posterior": posterior, "sweep": name, "value": value, "seconds": time, "floor": floor}
                points.append({**point, "megabytes": allocated(each.do, options.device)})
                print(
                    f"{posterior:<18}{name:>11} {value:>6}{1e3 * time:10.2f} ms{points[-1]['megabytes']:9.1f} MB"
                    f"{time / floor:7.1f} times the floor",
                    flush=True,
                )
    if options.plot:
        draw(points, options.plot)
    write({"base": BASE, "operations_a_second": peak, "points": points}, options.out)


class Work:
    """A training step, or an estimate of likelihoods, of one model.

    Attributes:
        operations: those of its matrix products.
    """

    def __init__(self, posterior: str, sizes: dict[str, int], is_likelihood: bool, device: str) -> None:
        widths = {"widths": [sizes["width"]]}
        self.model = zoo.build(
            "vae-mlp-2d", latent_dim=sizes["latent_dim"], encoder=widths, decoder=widths, posterior=posterior
        ).to(device)
        self.x = torch.rand(EXAMPLES if is_likelihood else sizes["batch"], 1, 28, 28, device=device)
        self.optimizer = torch.optim.Adam(self.model.train().parameters(), lr=1e-3, fused=True)
        if is_likelihood:
            weights, per_weight = self.model.eval().decoder.parameters(), 2 * EXAMPLES * sizes["K"]
        else:
            weights, per_weight = self.model.parameters(), 6 * sizes["batch"]
        self.operations = per_weight * sum(weight.numel() for weight in weights)
        self.do = (lambda: self._estimate(sizes["K"])) if is_likelihood else self._step

    def _step(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.model.loss(self.x).total.backward()
        self.optimizer.step()

    def _estimate(self, num_samples: int) -> None:
        self.model.log_likelihood(self.x, num_samples=num_samples)


def allocated(work: Callable[[], None], device: str) -> float:
    """Return the largest sum of what is allocated at a time during the work, in megabytes (10⁶ bytes)."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    with LiveStorages() as live:
        work()
    return live.largest / 1e6


class LiveStorages(TorchDispatchMode):
    """Follows what is alive of all that operations return.

    Attributes:
        largest: the largest sum so far, in bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do the operation, and count."""
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._alive = {key: (ref, size) for key, (ref, size) in self._alive.items() if not ref.expired()}
        self.largest = max(self.largest, sum(size for _, size in self._alive.values()))
        return result


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """Plot time, with its floor, and memory over each of the four."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12, 5.6), layout="constrained")
    axes = picture.subplots(2, len(SWEEPS), sharex="col")
    for column, name in enumerate(SWEEPS):
        for posterior, marker in zip(POSTERIORS, "os", strict=True):
            chosen = [point for point in points if (point["posterior"], point["sweep"]) == (posterior, name)]
            values = [point["value"] for point in chosen]
            times = [1e3 * point["seconds"] for point in chosen]
            (line,) = axes[0, column].loglog(values, times, marker + "-", markersize=4, label=posterior)
            floors = [1e3 * point["floor"] for point in chosen]
            axes[0, column].loglog(values, floors, ":", color=line.get_color(), label="matrix products alone")
            memory = [point["megabytes"] for point in chosen]
            axes[1, column].loglog(values, memory, marker + "-", markersize=4, color=line.get_color())
        axes[0, column].set_title("log-likelihood" if name == "K" else "training step", fontsize="medium")
        for panel in axes[:, column]:
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter("{x:g}" if panel.get_ylim()[1] < 12 * panel.get_ylim()[0] else "")
        axes[1, column].set_xlabel("draws K" if name == "K" else name)
    axes[0, 0].set_ylabel("time [ms]")
    axes[1, 0].set_ylabel("memory besides the model [MB]")
    axes[0, 0].legend(fontsize="small")
    picture.savefig(path, dpi=150)
