"""The linear-Gaussian model with any posterior and prior, small enough for quadrature over its latents."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

import zoo
from tests.minimise import minimise
from zoo.decoders import Decoder
from zoo.encoders import Encoder
from zoo.errors import ComponentError
from zoo.model import Model

W = torch.tensor([[1.0, 0.8], [0.3, 0.9], [0.8, 0.6]])
B = torch.tensor([0.5, -0.2, 0.1])
SIGMA = 0.7


def register_components() -> None:
    """Register the encoder ``identity`` and the decoder ``linear_gaussian``, x|z ~ N(W z + b, σ² I)."""

    @zoo.register("encoder", "identity")
    class Identity(Encoder):
        def __init__(self, *, data_shape: tuple[int, ...]) -> None:
            super().__init__()
            self.features = data_shape[0]

        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            return x

    @zoo.register("decoder", "linear_gaussian")
    class LinearGaussian(Decoder):
        def __init__(self, *, latent_dim: int) -> None:
            super().__init__()
            weight = W if latent_dim == 2 else torch.linspace(-1, 1, 3 * latent_dim).view(3, latent_dim)
            self.weight, self.bias = nn.Parameter(weight.clone(), False), nn.Parameter(B.clone(), False)

        def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
            return z @ self.weight.T + self.bias


_built: dict[str, Model] = {}


def build(posterior: object, prior: object = None, *, latent_dim: int = 2, **objective: object) -> Model:
    """Build the model with a posterior, and with a prior or the first one that goes with the posterior."""
    register_components()
    key = repr((posterior, prior, latent_dim, objective))
    if key not in _built:
        _built[key] = _build(posterior, prior, latent_dim, objective)
    torch.manual_seed(0)  # what a test draws does not depend on who built the model first
    return copy.deepcopy(_built[key])


def _build(posterior: object, prior: object, latent_dim: int, objective: dict[str, object]) -> Model:
    one_level = [{"name": "top_down", "levels": 1}] if latent_dim == 1 else []
    # A VampPrior goes with every posterior, and is the dearest.
    others = [name for name in zoo.list_components("prior") if name != "vamp"]
    priors = [prior] if prior is not None else ["standard_gaussian", *one_level, *others]
    refusals = []
    for candidate in priors:
        torch.manual_seed(0)
        try:
            return zoo.build(
                {
                    "objective": {"name": "vae", **objective},
                    "data_shape": [3],
                    "latent_dim": latent_dim,
                    "encoder": "identity",
                    "posterior": posterior,
                    "prior": candidate,
                    "decoder": "linear_gaussian",
                    "likelihood": {"name": "gaussian", "scale": SIGMA},
                }
            )
        except ComponentError as error:
            refusals.append(str(error))
    raise AssertionError("\n".join(refusals))


def randomise(model: Model, spread: float = 0.4) -> Model:
    """Move every weight of the posterior and the prior away from where it begins, by a fixed draw."""
    torch.manual_seed(1)
    with torch.no_grad():
        for part in (model.posterior, model.latent_prior):
            for parameter in part.parameters():
                inputs = parameter.shape[-1] if parameter.ndim > 1 else 1
                parameter.add_(torch.randn_like(parameter), alpha=spread * min(1.0, (8 / inputs) ** 0.5))
    return model


def data(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 2, generator=generator) @ W.T + B + SIGMA * torch.randn(n, 3, generator=generator)


def latent_grid(model: Model) -> tuple[Tensor, Tensor]:
    """Return points (N, 2) spread over the space of two latents, and the logarithm of the volume of each (N,)."""
    if model.posterior.manifold == "sphere":
        angles = torch.arange(2000) * (2 * math.pi / 2000)
        return torch.stack([angles.cos(), angles.sin()], 1), torch.full((2000,), math.log(2 * math.pi / 2000))
    if model.posterior.manifold == "ball":
        # Polar coordinates: at a distance r the circle has the length 2π sinh r.
        angles, distances = torch.arange(200) * (2 * math.pi / 200), (torch.arange(200) + 0.5) * 0.05
        radii = torch.tanh(distances / 2)
        points = radii[:, None, None] * torch.stack([angles.cos(), angles.sin()], 1)
        area = torch.sinh(distances) * 0.05 * (2 * math.pi / 200)
        return points.flatten(0, 1), area.log().repeat_interleave(200)
    line = torch.linspace(-8, 8, 121)
    points = torch.cartesian_prod(line, line)
    return points, torch.full((len(points),), 2 * math.log((line[1] - line[0]).item()))


@torch.no_grad()
def log_evidence(model: Model, x: Tensor) -> Tensor:
    """Return log p(x) (B,) of a model with two latents, by quadrature over them."""
    points, log_volume = latent_grid(model)
    z = points[:, None].expand(-1, len(x), -1)
    return (model.inference(x).log_joint(z) + log_volume[:, None]).logsumexp(0)


def fit(model: Model, x: Tensor, *, iterations: int = 60) -> None:
    """Train the posterior alone."""
    minimise(lambda: model.loss(x).total, model.posterior.parameters(), iterations=iterations)


@torch.no_grad()
def gap(model: Model, x: Tensor, num_samples: int = 2000) -> float:
    """Return the mean of log p(x) − ELBO(x) over the first examples, in nats."""
    torch.manual_seed(2)
    x = x[:16]
    elbo = model.inference(x).draw(num_samples).log_weights.mean()
    return (log_evidence(model, x).mean() - elbo).item()
