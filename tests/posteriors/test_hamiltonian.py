"""The Hamiltonian posterior: a bound that is exact for every step size."""

from __future__ import annotations

import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.errors import ComponentError
from zoo.model import Model
from zoo.posteriors.hamiltonian import HamiltonianDistribution


def make(latent_dim: int = 2, **options: object) -> Model:
    return linear_gaussian.build({"name": "hamiltonian", **options}, latent_dim=latent_dim)


def distribution(**options: object) -> HamiltonianDistribution:
    model = make(**options).double()
    return model.encode(linear_gaussian.data(3).double())


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("step_size", [1e-6, 0.1, 0.45])
@pytest.mark.parametrize("temperature", [1.0, 1.5, 4.0])
def test_weights_average_to_the_evidence_for_every_step_size(steps: int, step_size: float, temperature: float) -> None:
    model = make(steps=steps, step_size=step_size, temperature=temperature)
    with torch.no_grad():
        model.posterior.head.weight.zero_()
        model.posterior.head.bias.zero_()
        x = linear_gaussian.data(4)
        weights = (model.inference(x).draw(20_000).log_weights - linear_gaussian.log_evidence(model, x)).exp()
    error = weights.std(0) / len(weights) ** 0.5
    assert (error < 0.1).all()
    assert ((weights.mean(0) - 1).abs() < 4 * error).all()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_steps_change_volume_by_the_tempering_alone(temperature: float) -> None:
    q = distribution(steps=3, step_size=0.3, temperature=temperature)
    start = torch.randn(3, 4, dtype=torch.float64)

    def phase(values: torch.Tensor) -> torch.Tensor:
        return torch.cat(q.move(*values.chunk(2, dim=-1)), dim=-1).sum(0)

    jacobian = torch.autograd.functional.jacobian(phase, start, create_graph=True).movedim(1, 0)
    expected = torch.full((3,), temperature**-1.0, dtype=torch.float64)  # β_0^{d/2} with d = 2
    torch.testing.assert_close(torch.linalg.det(jacobian), expected)


def test_reversed_steps_return_to_their_start() -> None:
    q = distribution(steps=5, step_size=0.3, temperature=1.0)
    z, momentum = torch.randn(3, 2, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    moved, other = q.move(z, momentum)
    assert (moved - z).abs().min() > 0.05
    back, _ = q.move(moved, -other)
    torch.testing.assert_close(back, z)


def test_steps_without_length_give_the_bound_of_the_gaussian() -> None:
    q = distribution(steps=3, step_size=1e-12, temperature=2.0)
    torch.manual_seed(0)
    z, log_q = q.rsample_and_log_prob((7,))
    torch.testing.assert_close(log_q, q.start.log_prob(z))


def test_small_steps_conserve_the_energy() -> None:
    q = distribution(steps=100, step_size=0.01, temperature=1.0)
    z, momentum = torch.randn(3, 2, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)

    def energy(z: torch.Tensor, momentum: torch.Tensor) -> torch.Tensor:
        return 0.5 * momentum.square().sum(-1) - q.log_joint(z)

    torch.testing.assert_close(energy(*q.move(z, momentum)), energy(z, momentum), atol=1e-3, rtol=0)


def test_learned_steps_carry_a_poor_start_towards_the_posterior() -> None:
    """The same start for every x, which only the steps and their temperature can correct."""
    x = linear_gaussian.data(64)
    gaps = []
    for step_size in (1e-6, 0.1):
        model = linear_gaussian.build({"name": "hamiltonian", "steps": 4, "step_size": step_size}, num_samples=8)
        torch.nn.init.zeros_(model.posterior.head.weight)
        torch.nn.init.zeros_(model.posterior.head.bias)
        model.posterior.head.requires_grad_(False)
        if step_size > 1e-6:
            linear_gaussian.fit(model, x, iterations=10)
        gaps.append(linear_gaussian.gap(model, x))
    assert -0.01 < gaps[1] < 0.5 * gaps[0]


def test_gradients_are_those_of_finite_differences() -> None:
    model = make(steps=2, step_size=0.2).double()
    x = linear_gaussian.data(3).double()

    def bound(raw_step_size: torch.Tensor, raw_temperature: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        parameters = {
            "posterior.raw_step_size": raw_step_size,
            "posterior.raw_temperature": raw_temperature,
            "decoder.weight": weight,
        }
        return torch.func.functional_call(model, parameters, (x,)).total

    values = [model.posterior.raw_step_size, model.posterior.raw_temperature, model.decoder.weight]
    assert torch.autograd.gradcheck(bound, tuple(v.detach().clone().requires_grad_() for v in values))


def test_the_density_of_other_values_is_refused_with_a_remedy() -> None:
    with pytest.raises(ComponentError, match="only at its own draws"):
        distribution().log_prob(torch.zeros(3, 2))


@pytest.mark.parametrize("other", [{"prior": "vamp"}, {"objective": {"name": "iwae", "gradient": "dreg"}}])
def test_what_needs_the_density_elsewhere_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(ComponentError, match="hamiltonian"):
        zoo.build("vae-mlp-2d", posterior="hamiltonian", data_range=[0, 1], **other)


def test_a_start_at_or_beyond_the_largest_step_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"posterior\.step_size: expected less than `largest_step_size` \(0\.5\)"):
        zoo.build("vae-mlp-2d", posterior={"name": "hamiltonian", "step_size": 0.5})


def test_nothing_is_recorded_where_no_gradient_is_wanted() -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), posterior="hamiltonian").eval()
    x = torch.rand(4, 1, 8, 8)
    assert not model.log_likelihood(x, num_samples=5).requires_grad
    assert torch.equal(model.reconstruct(x), model.reconstruct(x))
    with torch.no_grad():
        assert not model.encode(x).rsample().requires_grad


def test_draws_carry_gradients_with_and_without_their_densities() -> None:
    q = distribution(steps=2)
    assert q.has_rsample
    found = []
    for draw in (q.rsample, lambda shape: q.rsample_and_log_prob(shape)[0]):
        torch.manual_seed(0)
        found.append(draw((4,)))
    assert torch.equal(*found)
    assert found[0].shape == (4, 3, 2)
    assert found[0].requires_grad


@pytest.mark.parametrize("temperature", [1.0, 1.5, 3.0])
def test_momenta_begin_larger_by_the_root_of_the_temperature(temperature: float) -> None:
    model = make(temperature=temperature)
    root = model.encode(linear_gaussian.data(3)).root
    torch.testing.assert_close(root, torch.tensor(temperature).rsqrt())
    assert hasattr(model.posterior, "raw_temperature") == (temperature > 1)
    assert model.posterior.floor == 1e-4
