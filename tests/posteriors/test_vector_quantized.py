"""Vector quantisation: its gradient, its loss, and its codebook within a model."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import ComponentError
from zoo.posteriors.vector_quantized import VectorQuantized


def posterior(**options: object) -> VectorQuantized:
    torch.manual_seed(0)
    made = VectorQuantized(**{"feature_shape": (6, 4, 3), "latent_dim": 2, "codes": 8, **options})
    made.codebook.begin_at(torch.randn(8, 2))
    return made


def encoded(made: VectorQuantized, h: Tensor) -> Tensor:
    """z_e, (B, D, h, w): a 1×1 convolution with the weights of the head, standardised as in evaluation."""
    z = torch.nn.functional.conv2d(h, made.head.weight[:, :, None, None], made.head.bias)
    assert made.standardise is not None
    mean, variance = (moment[:, None, None] for moment in (made.standardise.mean, made.standardise.variance))
    return (z - mean) / (variance + 1e-8).sqrt()


def test_each_place_has_the_code_nearest_to_a_linear_map_of_its_features() -> None:
    made, h = posterior().eval(), torch.randn(5, 6, 4, 3)
    q, vectors = made(h), made.codebook.vectors
    z = encoded(made, h)
    distances = (z[:, None] - vectors[None, :, :, None, None]).square().sum(2)
    assert torch.equal(q.codes.indices, distances.argmin(1))
    assert torch.equal(q.mean, vectors[q.codes.indices].movedim(-1, 1))


def test_the_gradient_at_the_encoder_is_that_at_the_code() -> None:
    # A head that is the identity, so that features are z_e.
    made = VectorQuantized(feature_shape=(2, 4, 3), latent_dim=2, codes=8, standardise=False)
    with torch.no_grad():
        made.head.weight.copy_(torch.eye(2))
        made.head.bias.zero_()
    h = torch.randn(5, 2, 4, 3, requires_grad=True)
    z = made(h).rsample()
    z.retain_grad()
    (z.square() * torch.randn_like(z)).sum().backward()
    assert torch.equal(h.grad, z.grad)


def test_the_commitment_loss_is_the_weighted_squared_distance_to_fixed_codes() -> None:
    made, h = posterior(commitment=0.3).eval(), torch.randn(5, 6, 4, 3)
    q = made(h)
    z = encoded(made, h)
    expected = 0.3 * (z - q.mean.detach()).square().flatten(1).sum(1)
    (loss,) = made.losses(q).values()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss.sum(), made.head.weight), torch.autograd.grad(expected.sum(), made.head.weight)
    )


def test_a_training_step_with_a_frozen_encoder_and_no_memory_is_one_of_lloyds_algorithm() -> None:
    made, h = posterior(decay=0.0, restart_below=0.0, standardise=False), torch.randn(50, 6, 4, 3)
    with torch.no_grad():
        vectors = made.head(h.movedim(1, -1)).reshape(-1, 2)
    before = made.codebook.vectors.clone()
    nearest = torch.cdist(vectors, before).argmin(1)
    q = made(h)
    assert torch.equal(q.codes.indices.flatten(), nearest)
    torch.testing.assert_close(q.mean.movedim(1, -1).reshape(-1, 2), before[nearest])  # the code before the step
    for k in range(8):
        chosen = vectors[nearest == k]
        torch.testing.assert_close(made.codebook.vectors[k], chosen.mean(0) if len(chosen) else before[k])


def test_the_codebook_is_no_parameter_and_is_saved() -> None:
    made = posterior()
    assert {name for name, _ in made.named_parameters()} == {"head.weight", "head.bias"}
    state = made.state_dict()
    assert {"codebook.vectors", "codebook.counts", "codebook.sums", "standardise.mean"} <= state.keys()


def test_equal_seeds_train_to_the_same_bytes_and_a_loaded_state_goes_on() -> None:
    def steps(model: zoo.Model, numbers: range) -> zoo.Model:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for number in numbers:
            torch.manual_seed(number)
            optimizer.zero_grad()
            model.train()(torch.rand(20, 1, 8, 8)).total.backward()
            optimizer.step()
        return model

    def build() -> zoo.Model:
        torch.manual_seed(0)
        return zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 16})

    whole = steps(build(), range(6))
    half = steps(build(), range(3))
    resumed = build()
    resumed.load_state_dict(copy.deepcopy(half.state_dict()))
    steps(resumed, range(3, 6))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prior": "standard_gaussian"}, "uniform_codes"),
        ({"fitted_prior": "mixture"}, "uniform_codes"),
        ({"posterior": {"name": "gaussian_map"}}, "vector_quantized"),
        ({"fitted_prior": {"name": "pixelcnn", "kernel_size": 4}}, "odd"),
        ({"posterior": {"decay": 1.0}}, "decay"),
    ],
)
def test_what_cannot_work_together_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), **changes)


@pytest.mark.slow
def test_the_loss_is_one_graph_when_compiled() -> None:  # takes seconds, most of them to import the compiler
    model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 16}).train()
    model(torch.rand(4, 1, 8, 8))  # the first step starts the codebook, which takes as many rounds as there are codes
    torch._dynamo.reset()
    assert torch._dynamo.explain(model)(torch.rand(4, 1, 8, 8)).graph_break_count == 0
