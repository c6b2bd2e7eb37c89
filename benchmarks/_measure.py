"""What benchmarks share: interleaved rounds, medians with their spread, the machine, and a JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo.spec import DataSpec
from zoo.training.progress import Silent
from zoo.training.state import Position

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""How seconds are counted. On a busy machine and with one thread, seconds of the processor vary far less."""


def interleaved(
    works: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return the seconds of each piece of work in each round; a round does every piece once, so all meet the same load.

    One round more, which is not counted, comes first.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(rounds + 1):
        for name, work in works.items():
            began = clock()
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if round_:
                seconds[name].append(clock() - began)
    return seconds


def add_turn_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a benchmark whose sides make forward and backward passes in turns."""
    parser.add_argument("--steps", type=int, default=1, help="steps of a turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=51, help="rounds that are counted (%(default)s)")
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="cpu: seconds of the processor, for a busy machine (%(default)s)",
    )
    parser.add_argument("--device", default="cpu", help="where to run (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")


def beside_peer(
    name: str, works: Mapping[str, Callable[[], object]], peer: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Measure the turns of "zoo" and of a peer, print how long they take, and return that.

    Args:
        options: those of :func:`add_turn_options`.
    """
    seconds = interleaved(works, options.rounds, CLOCKS[options.clock])
    times = {who: spread([1e3 * s / options.steps for s in values]) for who, values in seconds.items()}
    ratio = ratios(seconds, peer, "zoo")
    title = f"{name}: {times['zoo']['median']:.2f} ms, {peer} {times[peer]['median']:.2f} ms"
    print_ratios(title, {f"{peer} / zoo": ratio})
    return {"milliseconds_of_a_step": times, "time_ratio": ratio}


class ProcessorTime(Silent):
    """Measures the time of the processor from the first step to the last checkpoint; give it as the reporter."""

    began = seconds = 0.0

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Training begins."""
        self.began = time.process_time()

    def stop(self) -> None:
        """Training is over."""
        self.seconds = time.process_time() - self.began


def images_like_mnist(train: int, validation: int, root: Path | None = None) -> tuple[Tensor, Tensor]:
    """Return uint8 images (N, 1, 28, 28) to train on and to validate on: MNIST from ``root``, or blobs of its size."""
    if root is not None:
        stored = zoo.load_data(DataSpec(name="mnist", root=str(root), validation=0.0)).train
        images = (stored.examples(train + validation) * 255).round().to(torch.uint8)
        return images[:train], images[train:]
    # A bright spot on a dark ground: about a fifth of the pixels is not 0, as in MNIST.
    generator = torch.Generator().manual_seed(0)
    count = train + validation
    centres = 8 + 12 * torch.rand(count, 2, 1, generator=generator)
    widths = 2 + 3 * torch.rand(count, 1, generator=generator)
    axis = torch.arange(28.0)
    rows, columns = (torch.exp(-(((axis - centres[:, index]) / widths) ** 2)) for index in (0, 1))
    images = (255 * rows[:, :, None] * columns[:, None, :]).to(torch.uint8).unsqueeze(1)
    return images[:train], images[train:]


def spread(values: list[float]) -> dict[str, float]:
    """Return the median and the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "lower_quartile": low, "upper_quartile": high}


def ratios(seconds: Mapping[str, list[float]], above: str, below: str) -> dict[str, float]:
    """Return how many times as long one piece of work takes as another, round by round."""
    return spread([a / b for a, b in zip(seconds[above], seconds[below], strict=True)])


def matrix_peak(size: int = 2048, dtype: torch.dtype = torch.float32, device: str = "cpu") -> float:
    """Return the operations a second of a product of large square matrices: the best of some tries."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = interleaved({"product": lambda: a @ b}, 9)["product"]
    return 2 * size**3 / min(seconds)


def print_ratios(title: str, figures: Mapping[str, Mapping[str, float]]) -> None:
    """Print a line for each ratio, with its quartiles."""
    print(title)
    for name, value in figures.items():
        print(f"  {name:<34}{value['median']:7.2f}   ({value['lower_quartile']:.2f} … {value['upper_quartile']:.2f})")


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "latent-zoo": zoo.__version__,
    }


def write(figures: dict[str, Any], out: Path | None) -> None:
    """Write figures as JSON into a file, or print them if none is named."""
    text = json.dumps({"machine": machine(), **figures}, indent=2, ensure_ascii=False)
    if out is None:
        print(text)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")


def taking_turns(
    seconds: dict[str, list[float]], peer: str, peer_turn: Callable[[], object], options: argparse.Namespace
) -> Callable[[], str | None]:
    """Return what zoo's trainer calls after each step: after every ``options.steps`` steps the peer has its turn.

    The seconds of each turn go into ``seconds``, under "zoo" and ``peer``. Training ends after ``options.turns`` turns
    of each, and two more that come first and are not to be counted.
    """
    count, ended = 0, time.perf_counter()

    def after_step() -> str | None:
        nonlocal count, ended
        count += 1
        if count % options.steps:
            return None
        began = time.perf_counter()
        peer_turn()
        seconds["zoo"].append(began - ended)
        ended = time.perf_counter()
        seconds[peer].append(ended - began)
        return "enough" if len(seconds["zoo"]) > options.turns + 1 else None

    return after_step
