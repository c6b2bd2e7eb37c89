"""A forward and backward pass of each flow, beside zuko, in turns.

A prior's density of given latents, and a posterior's draw with its density, whose maps see features of the example.
Both sides have maps of the same kind, number, hidden layers and order.

python -m benchmarks flows
python -m benchmarks flows --latents 64 --width 256
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from benchmarks._measure import add_turn_options, beside_peer, write
from zoo.posteriors.autoregressive_flow import AutoregressiveFlow
from zoo.priors.flow import Flow

PEER = "zuko"


def main(arguments: list[str]) -> None:
    """Measure each flow beside zuko's."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks flows",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batch", type=int, default=128, help="examples a step (%(default)s)")
    parser.add_argument("--latents", type=int, default=16, help="dimension of the flow (%(default)s)")
    parser.add_argument("--maps", type=int, default=4, help="maps of a flow (%(default)s)")
    parser.add_argument("--width", type=int, default=64, help="units of the hidden layer (%(default)s)")
    parser.add_argument("--features", type=int, default=256, help="features that a posterior sees (%(default)s)")
    add_turn_options(parser)
    options = parser.parse_args(arguments)
    zuko = import_zuko()
    torch.manual_seed(0)
    latents = torch.randn(options.batch, options.latents, device=options.device)
    features = torch.randn(options.batch, options.features, device=options.device)
    figures: dict[str, Any] = {}
    for name, (ours, theirs) in contests(zuko, options).items():
        works = {}
        for who, flow in (("zoo", ours), (PEER, theirs)):
            given = features if name.startswith("posterior") else latents
            works[who] = turn(flow.to(options.device).train(), given, options.steps)
        figures[name] = beside_peer(name, works, PEER, options)
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "flows": figures}, options.out)


def import_zuko() -> Any:
    """Import zuko, and undo what its import does to torch: it switches off the validation of all distributions."""
    constraints = Distribution.arg_constraints
    import zuko

    Distribution.arg_constraints = constraints
    Distribution.set_default_validate_args(__debug__)  # the default of torch
    return zuko


@contextlib.contextmanager
def as_in_zuko() -> Iterator[None]:
    """Switch validation off while zuko works, as its users have it."""
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(__debug__)


def turn(flow: nn.Module, given: Tensor, steps: int) -> Callable[[], None]:
    """Return what makes some forward and backward passes of a module that maps tensors to a loss of each example."""

    def work() -> None:
        for _ in range(steps):
            flow(given).mean().backward()
            flow.zero_grad(set_to_none=True)

    return work


def contests(zuko: Any, options: argparse.Namespace) -> dict[str, tuple[nn.Module, nn.Module]]:
    """Return the zoo's flow and zuko's, by name."""
    common = {"transforms": options.maps, "hidden_features": [options.width]}
    d, flows = options.latents, zuko.flows
    found: dict[str, tuple[nn.Module, nn.Module]] = {}
    peers = {
        ("autoregressive", "affine"): flows.MAF(d, **common),
        ("coupling", "affine"): flows.RealNVP(d, **common),
        ("autoregressive", "spline"): flows.NSF(d, bins=8, **common),
        ("coupling", "spline"): flows.NSF(d, bins=8, passes=2, **common),
    }
    for (structure, transform), peer in peers.items():
        widths, ours = [options.width], {"structure": structure, "transform": transform}
        flow = Flow(latent_dim=d, condition_dim=0, steps=options.maps, widths=widths, **ours)
        found[f"prior, {structure}, {transform}"] = OurPrior(flow), TheirPrior(peer)
    posterior = AutoregressiveFlow(features=options.features, latent_dim=d, steps=options.maps, widths=[options.width])
    maps = [
        zuko.lazy.LazyInverse(
            flows.MaskedAutoregressiveTransform(
                d,
                options.features,
                order=torch.arange(d) if step % 2 == 0 else torch.arange(d).flip(0),
                hidden_features=[options.width],
            )
        )
        for step in range(options.maps)
    ]
    found["posterior, autoregressive, affine"] = OurPosterior(posterior), TheirPosterior(zuko, maps, options)
    return found


class OurPrior(nn.Module):
    """−log p(z) under a prior of the zoo."""

    def __init__(self, prior: Flow) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, z: Tensor) -> Tensor:
        """Map latents (B, d) to (B,)."""
        return -self.prior().log_prob(z)


class TheirPrior(nn.Module):
    """−log p(z) under a flow of zuko."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, z: Tensor) -> Tensor:
        """Map latents (B, d) to (B,)."""
        with as_in_zuko():
            log_prob: Tensor = self.flow().log_prob(z)
            return -log_prob


class OurPosterior(nn.Module):
    """log q(z|x) − log N(z; 0, I) of a draw from a posterior of the zoo."""

    def __init__(self, posterior: AutoregressiveFlow) -> None:
        super().__init__()
        self.posterior = posterior

    def forward(self, h: Tensor) -> Tensor:
        """Map features (B, F) to (B,)."""
        z, log_q = self.posterior(h).rsample_and_log_prob()
        return log_q + 0.5 * z.square().sum(-1)


class TheirPosterior(nn.Module):
    """The same with a diagonal Gaussian and maps of zuko, in the direction in which a draw takes one pass."""

    def __init__(self, zuko: Any, maps: list[nn.Module], options: argparse.Namespace) -> None:
        super().__init__()
        self.head = nn.Linear(options.features, 2 * options.latents)
        self.maps, self.gaussian = nn.ModuleList(maps), zuko.distributions.DiagNormal
        self.flow, self.compose = zuko.distributions.NormalizingFlow, zuko.transforms.ComposedTransform

    def forward(self, h: Tensor) -> Tensor:
        """Map features (B, F) to (B,)."""
        mean, raw_scale = self.head(h).chunk(2, dim=-1)
        with as_in_zuko():
            base = self.gaussian(mean, nn.functional.softplus(raw_scale) + 1e-4)
            z, log_q = self.flow(self.compose(*(each(h) for each in self.maps)), base).rsample_and_log_prob()
        loss: Tensor = log_q + 0.5 * z.square().sum(-1)
        return loss
