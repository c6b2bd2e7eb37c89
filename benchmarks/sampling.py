"""Sampling from a denoiser costs as many forward passes as it visits steps, and next to nothing besides."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

import zoo
from benchmarks._measure import interleaved, spread, write
from zoo.model import Model


def main(arguments: list[str]) -> None:
    """Measure the presets that denoise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sampling", description=__doc__)
    parser.add_argument("--count", type=int, default=64, help="samples in a batch (%(default)s)")
    parser.add_argument("--steps", type=int, default=50, help="steps that sampling visits (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that are counted (%(default)s)")
    parser.add_argument("--device", default="cpu", help="where to run (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    figures = {
        name: measure(zoo.build(name).to(options.device).eval(), options.count, options.steps, options.rounds)
        for name in zoo.list_models("denoiser-*")
    }
    settings = {"count": options.count, "steps": options.steps, "rounds": options.rounds, "device": options.device}
    write({"settings": settings, "presets": figures}, options.out)


def measure(model: Model, count: int, steps: int, rounds: int) -> dict[str, Any]:
    """Return the time of sampling, of one forward pass on the same batch, and of both as ratios, round by round."""
    objective = model.objective
    state = torch.randn(count, *model.data_shape, device=model.device)
    times = torch.full((count,), 2, device=model.device)

    @torch.no_grad()
    def passes() -> None:
        for _ in range(steps):
            objective.output(model, state, times)  # type: ignore[operator]

    def one_by_one() -> None:
        for _ in range(4):
            model.sample(1, steps=steps)

    seconds = interleaved(
        {"sample": lambda: model.sample(count, steps=steps), "passes": passes, "four alone": one_by_one}, rounds
    )
    ratios = [a / b for a, b in zip(seconds["sample"], seconds["passes"], strict=True)]
    batching = [
        (alone / 4) / (together / count)
        for alone, together in zip(seconds["four alone"], seconds["sample"], strict=True)
    ]
    return {
        "seconds_of_sampling": spread(seconds["sample"]),
        "seconds_of_one_pass": spread([value / steps for value in seconds["passes"]]),
        "sampling_over_steps_times_pass": spread(ratios),
        "one_at_a_time_over_batched": spread(batching),
    }
