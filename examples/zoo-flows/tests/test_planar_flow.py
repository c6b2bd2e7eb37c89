"""What a flow must obey, whatever the encoder asks of it."""

import pytest
import torch
from torch.autograd.functional import jacobian
from torch.distributions import Independent, Normal
from zoo_flows.planar_flow import PlanarFlow, PlanarTransform

import zoo
from zoo.divergences import kl_divergence


def flow(latent_dim: int, batch: int = 1, flows: int = 4, seed: int = 0, spread: float = 1.5):
    """A random flow in float64, bent clearly but not to a crease."""
    torch.manual_seed(seed)
    posterior = PlanarFlow(features=6, latent_dim=latent_dim, flows=flows).double()
    return posterior(spread * torch.randn(batch, 6, dtype=torch.float64))


def grid(side: float, points: int) -> tuple[torch.Tensor, float]:
    line = torch.linspace(-side, side, points, dtype=torch.float64)
    return torch.cartesian_prod(line, line).unsqueeze(1), (line[1] - line[0]).item() ** 2


@pytest.mark.parametrize("seed", range(3))
def test_density_integrates_to_one(seed):
    values, cell = grid(side=8, points=401)
    assert (flow(2, seed=seed).log_prob(values).exp().sum() * cell).item() == pytest.approx(1, abs=1e-3)


def test_monte_carlo_divergence_agrees_with_quadrature():
    q, prior = flow(2), Independent(Normal(torch.zeros(2, dtype=torch.float64), 1.0), 1)
    values, cell = grid(side=8, points=401)
    log_q = q.log_prob(values)
    exact = (log_q.exp() * (log_q - prior.log_prob(values))).sum() * cell
    z = q.sample((20_000,))
    error = (q.log_prob(z) - prior.log_prob(z)).std() / len(z) ** 0.5
    assert abs(kl_divergence(q, prior, samples=z).item() - exact.item()) < 4 * error.item()


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize("flows", [1, 4])
def test_log_determinant_is_that_of_the_jacobian(latent_dim, flows):
    q = flow(latent_dim, flows=flows)
    start = torch.randn(1, latent_dim, dtype=torch.float64)

    def bend(z):
        for transform in q.transforms:
            z = transform(z)
        return z

    stated, z = torch.zeros(1, dtype=torch.float64), start
    for transform in q.transforms:
        stated, z = stated + transform.log_abs_det_jacobian(z, transform(z)), transform(z)
    matrix = jacobian(bend, start)[0, :, 0]
    torch.testing.assert_close(stated[0], torch.linalg.slogdet(matrix).logabsdet)


@pytest.mark.parametrize("latent_dim", [1, 3, 16])
def test_density_of_a_draw_needs_no_inverse_and_agrees_with_it(latent_dim):
    q = flow(latent_dim, batch=64)
    z = q.rsample((8,))
    with_draw = q.log_prob(z)
    torch.testing.assert_close(q.log_prob(z.clone()), with_draw)


def test_gradient_through_the_inverse_is_that_through_the_draw():
    torch.manual_seed(0)
    posterior = PlanarFlow(features=6, latent_dim=3).double()
    h = torch.randn(16, 6, dtype=torch.float64, requires_grad=True)
    q = posterior(h)
    z = q.rsample()
    with_draw, inverted = (torch.autograd.grad(q.log_prob(v).sum(), h, retain_graph=True) for v in (z, z * 1.0))
    torch.testing.assert_close(inverted, with_draw)


def test_without_a_push_the_map_is_the_identity():
    w, z = torch.randn(5, 3), torch.randn(5, 3)
    transform = PlanarTransform(w, torch.zeros(5, 3), torch.randn(5))
    torch.testing.assert_close(transform(z), z)
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, z), torch.zeros(5), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [0.0, 1e-8, 1.0, 1e4])
def test_extreme_features_give_finite_densities_and_gradients(size):
    torch.manual_seed(0)
    posterior = PlanarFlow(features=6, latent_dim=3)
    q = posterior(size * torch.randn(32, 6))
    z = q.rsample()
    log_prob = q.log_prob(z)
    log_prob.sum().backward()
    assert z.isfinite().all()
    assert log_prob.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in posterior.parameters())


def test_densities_are_in_float32_under_mixed_precision():
    posterior = PlanarFlow(features=6, latent_dim=3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        q = posterior(torch.randn(4, 6).bfloat16())
        z = q.rsample()
        assert z.dtype == q.log_prob(z).dtype == torch.float32


def test_a_vae_trains_with_it_and_rebuilds_it(tmp_path):
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), posterior={"name": "planar_flow", "flows": 2})
    x = torch.rand(16, 1, 8, 8)
    model.loss(x).total.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.posterior.parameters())
    again = zoo.load(zoo.save(model, tmp_path))
    assert again.spec.posterior.options == {"flows": 2}
    model.eval()
    torch.manual_seed(0)
    expected = model.log_likelihood(x, num_samples=5)
    torch.manual_seed(0)
    assert torch.equal(again.log_likelihood(x, num_samples=5), expected)


@pytest.mark.parametrize("num_samples", [1, 3])
def test_an_objective_takes_the_density_that_comes_with_the_draw(num_samples, monkeypatch):
    def refuse(*_):
        raise AssertionError("a draw was inverted")

    monkeypatch.setattr(PlanarTransform, "_inverse", refuse)
    model = zoo.build(
        "vae-mlp-2d", data_shape=(1, 8, 8), posterior="planar_flow", objective={"num_samples": num_samples}
    )
    x = torch.rand(16, 1, 8, 8)
    assert model.loss(x).total.isfinite()
    assert model.log_likelihood(x, num_samples=5).isfinite().all()


def test_an_objective_without_divergence_refuses_it():
    with pytest.raises(zoo.ZooError, match="planar_flow"):
        zoo.build("ae-mlp-2d", posterior="planar_flow")
