"""How well codebooks are used, beside vector-quantize-pytorch: both learn from the same outputs of an encoder.

The outputs are those of a trained model with one codebook, such as a run of ``mnist-vq``. Each codebook sees the same
batches of maps in the same order, and is then judged on maps that it has not seen: the mean squared distance from a
vector to its code, how many codes occur, and their perplexity. Half of MNIST is background, whose places are alike: a
perplexity far below the number of codes is in the data.

python -m benchmarks codebooks --model RUN --data DIR
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import zoo
from benchmarks._measure import write
from zoo.analysis.codebook import perplexities
from zoo.data import Split
from zoo.model import Model
from zoo.posteriors.vector_quantized import VectorQuantized
from zoo.quantisation.codebook import EmaCodebook

PEER = "vector-quantize-pytorch"


def main(arguments: list[str]) -> None:
    """Train each codebook with each seed, and judge it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks codebooks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="a run with the posterior `vector_quantized`")
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST")
    parser.add_argument("--examples", type=int, default=20_000, help="images to learn from (%(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="passes over them (%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="images a step (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="codebooks of each kind (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    data = zoo.load_data("mnist", root=str(options.data), binarise="dynamic")
    model = zoo.load(options.model)
    train, test = vectors_of(model, data.train, options.examples), vectors_of(model, data.test, 5000).flatten(0, 1)
    codes = model.posterior.codes
    figures: dict[str, list[dict[str, float]]] = {}
    for name, make in contestants(codes, train.shape[-1], options.batch * train.shape[1]).items():
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            step, codebook = make()
            began = time.process_time()
            for batch in batches(train, options):
                step(batch)
            found = judged(test, codebook()) | {"seconds": time.process_time() - began}
            figures.setdefault(name, []).append(found)
        means = {key: sum(each[key] for each in figures[name]) / options.seeds for key in figures[name][0]}
        print(f"{name:<40}" + ", ".join(f"{key} {value:.4g}" for key, value in means.items()), flush=True)
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "codebooks": figures}, options.out)


@torch.no_grad()
def vectors_of(model: Model, split: Split, count: int) -> Tensor:
    """Return what the codebook of a model would quantise, (count, places, D)."""
    posterior, kept = model.posterior, []
    if not isinstance(posterior, VectorQuantized):
        raise SystemExit("--model: expected a model with the posterior `vector_quantized`")
    codebook = posterior.codebook
    handle = codebook.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    for batch in split.batches(500, order=torch.arange(min(count, len(split)))):
        model.encode(batch.x)
    handle.remove()
    return torch.cat(kept).view(-1, posterior.places, codebook.dim)


def batches(train: Tensor, options: argparse.Namespace) -> Iterator[Tensor]:
    """Yield full batches (B, places, D), the same for each codebook."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(options.epochs):
        for chosen in torch.randperm(len(train), generator=generator).split(options.batch):
            if len(chosen) == options.batch:
                yield train[chosen]


def judged(vectors: Tensor, codebook: Tensor) -> dict[str, float]:
    """Return how well a codebook (K, D) quantises vectors (N, D), and how much of it is used."""
    nearest = torch.cat([torch.cdist(part, codebook).argmin(1) for part in vectors.split(10_000)])
    counts = torch.bincount(nearest, minlength=len(codebook)).double()
    return {
        "distortion": (vectors - codebook[nearest]).square().sum(1).mean().item(),
        "codes used": float((counts > 0).sum()),
        "perplexity": perplexities(counts[None]).item(),
    }


Contestant = tuple[Callable[[Tensor], Any], Callable[[], Tensor]]
"""What learns from a batch (B, places, D), and what returns the codebook (K, D)."""


def contestants(codes: int, dim: int, vectors: int) -> dict[str, Callable[[], Contestant]]:
    """Return what makes each codebook; a code restarts below a tenth of the mean use of a batch of so many vectors."""
    from vector_quantize_pytorch import VectorQuantize

    def ours(**options: Any) -> Contestant:
        codebook = EmaCodebook(codes, dim, **options).train()
        return lambda batch: codebook(batch.flatten(0, 1)), lambda: codebook.vectors

    def theirs(**options: Any) -> Contestant:
        peer = VectorQuantize(dim=dim, codebook_size=codes, decay=0.99, rotation_trick=False, **options).train()
        return peer, lambda: peer.codebook.detach().view(codes, dim)

    dead = max(1, round(0.1 * vectors / codes))
    return {
        "zoo": ours,
        "zoo, kmeans": lambda: ours(initialisation="kmeans"),
        "zoo, without restarts": lambda: ours(restart_below=0.0),
        PEER: lambda: theirs(threshold_ema_dead_code=dead),
        f"{PEER}, kmeans": lambda: theirs(threshold_ema_dead_code=dead, kmeans_init=True),
        f"{PEER}, without restarts": theirs,
    }
