"""A forward and backward pass of each quantiser, beside vector-quantize-pytorch, in turns.

Both quantise the same vectors in training mode: they choose codes, move their codebooks and restart codes that are
hardly used, and the gradients of the commitment loss and of the chosen vectors go back to what was quantised. The
layers around a quantiser are left out.

python -m benchmarks quantisers
python -m benchmarks quantisers --dim 64 --codes 512 --batch 32
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._measure import add_turn_options, beside_peer, write
from zoo.posteriors.finite_scalar import FiniteScalar
from zoo.posteriors.product_quantized import ProductQuantized
from zoo.posteriors.residual_quantized import ResidualQuantized
from zoo.posteriors.vector_quantized import VectorQuantized

LEVELS = (8, 6, 5)
PEER = "vector-quantize-pytorch"
Quantiser = VectorQuantized | ResidualQuantized | ProductQuantized | FiniteScalar


def main(arguments: list[str]) -> None:
    """Measure each quantiser beside its peer."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks quantisers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batch", type=int, default=128, help="maps a step (%(default)s)")
    parser.add_argument("--side", type=int, default=7, help="height and width of a map (%(default)s)")
    parser.add_argument("--dim", type=int, default=16, help="channels of the vectors (%(default)s)")
    parser.add_argument("--codes", type=int, default=128, help="codes of a codebook (%(default)s)")
    parser.add_argument("--codebooks", type=int, default=4, help="codebooks of residual and product (%(default)s)")
    add_turn_options(parser)
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for name, make in CONTESTS.items():
        torch.manual_seed(0)
        ours, theirs = (quantiser.to(options.device).train() for quantiser in make(options))
        dim = len(LEVELS) if name == "finite_scalar" else options.dim
        vectors = torch.randn(options.batch, options.side**2, dim, device=options.device)
        works = {"zoo": turn(ours, vectors, options.steps), PEER: turn(theirs, vectors, options.steps)}
        figures[name] = beside_peer(name, works, PEER, options)
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "quantisers": figures}, options.out)


def turn(quantiser: nn.Module, vectors: Tensor, steps: int) -> Callable[[], None]:
    """Return what makes some forward and backward passes of a quantiser of vectors (B, n, D)."""
    x = vectors.detach().requires_grad_()

    def work() -> None:
        for _ in range(steps):
            chosen, _, *losses = quantiser(x)
            loss = chosen.square().sum()
            for each in losses:
                loss = loss + each.sum()
            loss.backward()
            x.grad = None

    return work


class Ours(nn.Module):
    """A posterior of the zoo without its linear layer, called as the peer's quantisers are."""

    def __init__(self, posterior: Quantiser) -> None:
        super().__init__()
        self.posterior = posterior

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return vectors (B, n, D), code numbers (B, n, M), and commitment losses (B n,) if there are any."""
        choice = self.posterior.choose(x.flatten(0, 1))
        vectors, indices = choice.vectors.view_as(x), choice.indices.view(*x.shape[:2], -1)
        if choice.loss is None:
            return vectors, indices
        return vectors, indices, self.posterior.commitment.value * choice.loss


Pair = tuple[nn.Module, nn.Module]


def _common(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the quantisers with codebooks have in common: of the zoo, and of the peer."""
    ours = {
        "feature_shape": (options.dim, options.side, options.side),
        "latent_dim": options.dim,
        "codes": options.codes,
    }
    # A code restarts below about a tenth of the mean use in both.
    use = options.batch * options.side**2 / options.codes
    theirs = {
        "codebook_size": options.codes,
        "decay": 0.99,
        "commitment_weight": 0.25,
        "threshold_ema_dead_code": max(1, round(use / 10)),
        "rotation_trick": False,
    }
    return ours, theirs


def vector(options: argparse.Namespace) -> Pair:
    """Return the quantisers with one codebook."""
    from vector_quantize_pytorch import VectorQuantize

    ours, theirs = _common(options)
    peer = VectorQuantize(dim=options.dim, **theirs)
    return Ours(VectorQuantized(**ours)), peer


def residual(options: argparse.Namespace) -> Pair:
    """Return the residual quantisers."""
    from vector_quantize_pytorch import ResidualVQ

    ours, theirs = _common(options)
    peer = ResidualVQ(dim=options.dim, num_quantizers=options.codebooks, **theirs)
    return Ours(ResidualQuantized(codebooks=options.codebooks, **ours)), peer


def product(options: argparse.Namespace) -> Pair:
    """Return the product quantisers: the peer has residual ones of one level, a group of channels each."""
    from vector_quantize_pytorch import GroupedResidualVQ

    ours, theirs = _common(options)
    peer = GroupedResidualVQ(dim=options.dim, groups=options.codebooks, num_quantizers=1, **theirs)
    return Ours(ProductQuantized(codebooks=options.codebooks, **ours)), peer


def finite_scalar(options: argparse.Namespace) -> Pair:
    """Return the finite scalar quantisers, whose size is that of their levels."""
    from vector_quantize_pytorch import FSQ

    shape = (len(LEVELS), options.side, options.side)
    ours = FiniteScalar(feature_shape=shape, latent_dim=len(LEVELS), levels=list(LEVELS))
    return Ours(ours), FSQ(list(LEVELS))


CONTESTS: dict[str, Callable[[argparse.Namespace], Pair]] = {
    "vector_quantized": vector,
    "residual_quantized": residual,
    "product_quantized": product,
    "finite_scalar": finite_scalar,
}
