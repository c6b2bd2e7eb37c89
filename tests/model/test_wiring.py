"""What parts may ask for, in which order they are constructed, and how wrong requests are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
from zoo.decoders import Decoder
from zoo.encoders import Encoder
from zoo.errors import ComponentError
from zoo.objectives.vae import Vae
from zoo.posteriors import Posterior
from zoo.priors import Prior
from zoo.regularisers import Regulariser

SHAPE = (1, 4, 4)


def build(**overrides: Any) -> zoo.Model:
    torch.manual_seed(0)
    return zoo.build("vae-mlp-2d", data_shape=SHAPE, **overrides)


def test_a_regulariser_may_ask_for_every_size_and_part() -> None:
    @zoo.register("regulariser", "curious")
    class Curious(Regulariser):
        def __init__(
            self,
            *,
            data_shape: tuple[int, ...],
            latent_dim: int,
            latent_shape: tuple[int, ...],
            train_examples: int,
            decoder: Decoder,
            prior: Prior,
        ) -> None:
            super().__init__(1.0)
            self.seen = data_shape, latent_dim, latent_shape, train_examples
            self.names = type(decoder).__name__, type(prior).__name__

        def forward(self, samples: Any) -> Tensor:
            return samples.z.square().mean()

    regulariser = build(regularisers={"c": "curious"}, train_examples=60).regularisers["c"]
    assert regulariser.seen == (SHAPE, 2, (2,), 60)
    assert regulariser.names == ("MLPDecoder", "StandardGaussian")


def test_the_number_of_training_examples_is_asked_for_where_it_is_not_known() -> None:
    @zoo.register("regulariser", "counting")
    class Counting(Regulariser):
        def __init__(self, *, train_examples: int) -> None:
            super().__init__(1.0)

        def forward(self, samples: Any) -> Tensor:
            return samples.z.sum()

    with pytest.raises(ComponentError, match=r"regularisers\.n: it asks for `train_examples`.*\n.*model\.train_exampl"):
        build(regularisers={"n": "counting"})


def test_a_part_that_its_kind_cannot_ask_for_is_refused_with_what_it_may_ask_for() -> None:
    @zoo.register("encoder", "greedy")
    class Greedy(Encoder):
        def __init__(self, *, latent_dim: int) -> None:
            super().__init__()

        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            return x

    with pytest.raises(ComponentError, match=r"Greedy asks for 'latent_dim'.*'encoder'\nIt may ask for: data_shape"):
        build(encoder="greedy")


def test_a_request_for_a_part_that_the_model_lacks_is_refused() -> None:
    @zoo.register("objective", "hopeful")
    class Hopeful(Vae):
        needs = ("encoder", "posterior", "decoder", "likelihood")

        def __init__(self, *, prior: Prior) -> None:
            super().__init__()

    with pytest.raises(ComponentError, match=r"model\.objective: it asks for `prior`, but this model has no prior"):
        build(objective="hopeful", prior=None)


def test_an_objective_may_ask_for_the_latent_dimension() -> None:
    @zoo.register("objective", "measured")
    class Measured(Vae):
        def __init__(self, *, latent_dim: int, encoder: Encoder) -> None:
            super().__init__()
            self.latent_dim, self.features = latent_dim, encoder.features

    objective = build(objective="measured").objective
    assert (objective.latent_dim, objective.features) == (2, 256)


def test_a_circle_is_refused_and_names_who_asks_for_whom() -> None:
    @zoo.register("posterior", "first")
    class First(Posterior):
        def __init__(self, *, features: int, latent_dim: int, prior: Prior) -> None:
            super().__init__()

        def forward(self, h: Tensor) -> Any: ...

    @zoo.register("prior", "second")
    class Second(Prior):
        def __init__(self, *, posterior: Posterior) -> None:
            super().__init__()

        def forward(self) -> Any: ...

    with pytest.raises(ComponentError) as refusal:
        build(posterior="first", prior="second")
    assert "the posterior asks for what the prior decides" in str(refusal.value)
    assert "the prior asks for what the posterior decides" in str(refusal.value)


def test_a_prior_that_the_posterior_asks_for_is_constructed_first() -> None:
    order = []

    @zoo.register("posterior", "late")
    class Late(Posterior):
        def __init__(self, *, features: int, latent_dim: int, prior: Prior) -> None:
            super().__init__()
            order.append("posterior")
            self.head, self.scale = nn.Linear(features, latent_dim), prior

        def forward(self, h: Tensor) -> Any:
            mean = self.head(h)
            return torch.distributions.Independent(torch.distributions.Normal(mean, 1.0), 1)

    @zoo.register("prior", "early")
    class Early(Prior):
        def __init__(self, *, latent_dim: int) -> None:
            super().__init__()
            order.append("prior")
            self.mean = nn.Parameter(torch.zeros(latent_dim))

        def forward(self) -> Any:
            return torch.distributions.Independent(torch.distributions.Normal(self.mean, 1.0), 1)

    model = build(posterior="late", prior="early")
    assert order == ["prior", "posterior"]
    assert model.loss(torch.rand(3, *SHAPE)).total.isfinite()


@pytest.mark.parametrize("key", ["kl", "loss", "model", "objective", "values", "a.b", ""])
def test_a_regulariser_cannot_take_the_name_of_something_else(key: str) -> None:
    with pytest.raises(ComponentError, match="regularisers"):
        build(regularisers={key: "mmd"}).loss(torch.rand(3, *SHAPE))


def test_labels_that_nothing_would_see_are_refused() -> None:
    with pytest.raises(ComponentError, match=r"model\.conditioned: .* nothing would see the labels"):
        build(classes=3, conditioned=[])


def tied() -> zoo.Model:
    @zoo.register("decoder", "tied")
    class Tied(Decoder):
        def __init__(self, *, latent_dim: int, output_shape: tuple[int, ...], encoder: Encoder) -> None:
            super().__init__()
            self.trunk, self.shape = encoder, output_shape
            self.layer = nn.Linear(latent_dim, encoder.blocks[-1].layer.out_features)

        def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
            first, second = (block.layer.weight for block in self.trunk.blocks)
            return (self.layer(z) @ second @ first).unflatten(1, self.shape)

    return build(encoder={"widths": [12, 8]}, decoder={"name": "tied"})


def test_tensors_that_parts_share_are_saved_once_and_tied_again(tmp_path: Path) -> None:
    from safetensors import safe_open

    model = tied().eval()
    x = torch.rand(3, *SHAPE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder = zoo.save(model, tmp_path)
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        names = set(file.keys())
    assert not any(name.startswith("decoder.trunk") for name in names)
    assert len(model.state_dict()) == len(names) + len(model.encoder.state_dict())
    restored = zoo.load(folder)
    assert torch.equal(restored.reconstruct(x), model.reconstruct(x))
    assert restored.decoder.trunk is restored.encoder


def test_the_first_weights_do_not_depend_on_regularisers_and_fitted_priors() -> None:
    critic = {"name": "total_correlation_critic", "width": 8, "depth": 1}
    plain = build(classes=3, prior="class_gaussian")
    more = build(classes=3, prior="class_gaussian", regularisers={"tc": critic}, fitted_prior="mixture")
    weights = dict(more.named_parameters())
    assert all(torch.equal(weights[name], value) for name, value in plain.named_parameters())
