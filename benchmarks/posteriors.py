"""Time of a training step with correlated posteriors, compared with ``diagonal_gaussian``.

python -m benchmarks posteriors
python -m benchmarks posteriors --widths 512 256 --precision auto
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import zoo
from benchmarks._measure import images_like_mnist, interleaved, print_ratios, ratios, spread, write
from zoo.training.devices import uses_bf16

POSTERIORS: dict[str, Any] = {
    "diagonal": "diagonal_gaussian",
    "factor": "factor_gaussian",
    "full": "full_gaussian",
}


def main(arguments: list[str]) -> None:
    """Measure a step at each number of latent dimensions."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks posteriors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--latent-dims", type=int, nargs="+", default=[2, 32, 128], help="latent dimensions")
    parser.add_argument("--widths", type=int, nargs="+", default=[512], help="widths of the encoder, and back")
    parser.add_argument("--batch", type=int, default=128, help="examples a step (%(default)s)")
    parser.add_argument("--steps", type=int, default=50, help="steps of a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that are counted (%(default)s)")
    parser.add_argument("--precision", choices=["fp32", "auto"], default="fp32", help="(%(default)s)")
    parser.add_argument("--device", default="cpu", help="where to run (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    figures = {}
    for latent_dim in options.latent_dims:
        works = {name: steps(posterior, latent_dim, options) for name, posterior in POSTERIORS.items()}
        seconds = interleaved(works, options.rounds)
        figures[str(latent_dim)] = {
            "milliseconds_of_a_step": {n: spread([1e3 * s / options.steps for s in v]) for n, v in seconds.items()},
            "time_ratios": {f"{name} / diagonal": ratios(seconds, name, "diagonal") for name in list(works)[1:]},
        }
        print_ratios(f"latent_dim {latent_dim}", figures[str(latent_dim)]["time_ratios"])
    goals = {"factor / diagonal": {"latent_dim 32": 1.15, "latent_dim 128": 1.5}}
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "goals": goals, "latent_dim": figures}, options.out)


def steps(posterior: Any, latent_dim: int, options: argparse.Namespace) -> Callable[[], None]:
    """Return a function that makes ``options.steps`` training steps."""
    torch.manual_seed(0)
    model = zoo.build(
        "vae-mlp-2d",
        latent_dim=latent_dim,
        encoder={"widths": options.widths},
        decoder={"widths": options.widths[::-1]},
        posterior=posterior,
    ).to(options.device)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    images, _ = images_like_mnist(options.batch * options.steps, 0)
    batches = (images.float() / 255).to(options.device).split(options.batch)
    fast = options.precision == "auto" and uses_bf16("auto", options.device)

    def train() -> None:
        for x in batches:
            with torch.autocast(options.device, torch.bfloat16, enabled=fast):
                loss = model.loss(x).total
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return train
