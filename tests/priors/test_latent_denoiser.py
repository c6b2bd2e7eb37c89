"""The denoiser of latents: its Gaussian known answer, maps, classes, and what it has no density for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import zoo
from zoo.errors import ComponentError, NotApplicableError
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, record
from zoo.priors import latent_denoiser
from zoo.priors.latent_denoiser import LatentDenoiser, _default_network
from zoo.spec.component import ComponentSpec

NARROW = ComponentSpec(name="mlp", width=48)
COVARIANCE = torch.tensor([[4.0, 1.5], [1.5, 1.0]])


def exact(prior: LatentDenoiser, covariance: torch.Tensor) -> None:
    """Give the prior the best denoiser of Gaussian latents with a covariance (d, d), in standardised units."""
    kept = prior.chain.alpha_bars.float()[:, None, None]
    noisy = kept * covariance + (1 - kept) * torch.eye(len(covariance))
    gains = torch.linalg.solve(noisy, kept.sqrt() * covariance)

    def predict(state: torch.Tensor, times: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        clean = (state[:, None] @ gains[times])[:, 0]
        return prior.prediction.output(state, clean, times)

    prior.predict = predict


def test_with_the_exact_denoiser_draws_have_the_mean_and_covariance_of_the_latents() -> None:
    torch.manual_seed(0)
    latents = torch.tensor([5.0, -1.0]) + torch.randn(20_000, 2) @ torch.linalg.cholesky(COVARIANCE).T
    prior = LatentDenoiser(latent_shape=(2,), condition_dim=0)
    assert prior.fit(latents) is False
    exact(prior, torch.corrcoef(latents.T))
    z = prior().sample((20_000,))
    torch.testing.assert_close(z.mean(0), latents.mean(0), rtol=0, atol=0.05)
    torch.testing.assert_close(z.T.cov(), latents.T.cov(), rtol=0.06, atol=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("predict", ["v", "noise", "clean"])
def test_the_least_loss_is_the_variance_of_what_is_predicted_given_the_noisy_latents(
    predict: str, training: bool
) -> None:
    """Of standardised Gaussian latents it is 1 − ᾱ for the latents, ᾱ for the noise, and 1 for v, at each time."""
    torch.manual_seed(0)
    latents = torch.tensor([5.0, -1.0]) + torch.tensor([3.0, 0.2]) * torch.randn(6000, 2)
    prior = LatentDenoiser(latent_shape=(2,), condition_dim=0, predict=predict, network=NARROW).train(training)
    prior.fit(latents)
    exact(prior, torch.eye(2))
    kept = prior.chain.alpha_bars[1:].mean().item()
    loss = prior.fit_loss(SimpleNamespace(prior=prior()), latents.view(3, 2000, 2)).item()
    assert loss == pytest.approx({"clean": 1 - kept, "noise": kept, "v": 1.0}[predict], rel=0.04)


def test_draws_follow_the_location_and_scale_of_the_latents() -> None:
    latents, draws = torch.randn(100, 2), []
    for scale, location in [(1.0, 0.0), (3.0, 5.0)]:
        torch.manual_seed(0)
        prior = LatentDenoiser(latent_shape=(2,), condition_dim=0, sampling_steps=3, network=NARROW)
        assert prior.fit(location + scale * latents) is False
        draws.append(prior().sample((7,)))
    torch.testing.assert_close(draws[1], 5.0 + 3.0 * draws[0])


@pytest.mark.parametrize("training", [True, False])
def test_the_network_sees_each_latent_with_its_own_label(training: bool) -> None:
    """In training at one time each, in validation at four."""
    torch.manual_seed(0)
    denoiser = {"name": "latent_denoiser", "network": {"name": "mlp", "width": 8}}
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), classes=2, fitted_prior=denoiser)
    prior, labels = model.fitted_prior.train(training), torch.tensor([0, 1, 1, 0, 1])
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    z = (2.0 * labels - 1).view(1, 5, 1).expand(30, 5, 2)
    prior.fit(z.flatten(0, 1))
    inference, seen, predict = model.inference(labels=labels, fitted=True), [], prior.predict
    prior.predict = lambda *given: seen.append(given) or predict(*given)
    prior.fit_loss(inference, z).backward()
    (state, times, condition), of_label = seen[0], inference.condition[:2]
    assert len(state) == len(condition) == 150 * (1 if training else 4)
    label = torch.cdist(condition, of_label).argmin(1)
    early = prior.chain.alpha_bars[times] > 0.95
    assert early.sum() > 10
    assert torch.equal((state[early, 0] > 0).long(), label[early])
    assert prior.label.weight.grad.abs().sum() > 0
    assert not torch.allclose(*(predict(state[:5], times[:5], row.expand(5, -1)) for row in of_label))


@pytest.mark.parametrize("predict", ["v", *(pytest.param(each, marks=pytest.mark.slow) for each in ("noise", "clean"))])
def test_it_learns_two_clusters(predict: str) -> None:
    torch.manual_seed(0)
    z = torch.tensor([[3.0, 0.0], [-3.0, 1.0]])[torch.arange(2000) % 2] + 0.3 * torch.randn(2000, 2)
    prior = LatentDenoiser(latent_shape=(2,), condition_dim=0, predict=predict, network=NARROW)
    prior.fit(z)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 160)
    for _ in range(160):
        optimizer.zero_grad()
        prior.fit_loss(SimpleNamespace(prior=prior()), z[None, torch.randint(2000, (256,))]).backward()
        optimizer.step()
        schedule.step()
    drawn = prior.eval()().sample((1000,))
    right = drawn[drawn[:, 0] > 0]
    assert len(right) == pytest.approx(500, abs=100)
    torch.testing.assert_close(right.mean(0), torch.tensor([3.0, 0.0]), rtol=0, atol=0.3)
    assert (drawn[:, 0].abs() > 1.5).float().mean() > 0.9


def test_each_channel_of_a_map_is_standardised_by_its_own_moments() -> None:
    torch.manual_seed(0)
    spread, centre = torch.tensor([10.0, 0.1]).view(2, 1, 1), torch.tensor([3.0, -5.0]).view(2, 1, 1)
    prior = LatentDenoiser(latent_shape=(2, 3, 3), condition_dim=0, network=ComponentSpec(name="unet", channels=[4]))
    prior.fit(centre + spread * torch.randn(2000, 2, 3, 3))
    torch.testing.assert_close(prior.location, centre, rtol=0, atol=0.3)
    torch.testing.assert_close(prior.scale, spread, rtol=0.03, atol=0)
    assert prior().sample((5,)).shape == (5, 2, 3, 3)


@pytest.mark.parametrize(
    ("shape", "network"), [((4,), "ResidualMLP"), ((2, 4, 4), "UNet"), ((2, 8, 8), "UNet"), ((3, 12), "UNet")]
)
def test_the_network_follows_from_the_shape(shape: tuple[int, ...], network: str) -> None:
    prior = LatentDenoiser(latent_shape=shape, condition_dim=0, sampling_steps=1)
    assert type(prior.network).__name__ == network
    assert prior().sample((2,)).shape == (2, *shape)


def test_draws_in_blocks_are_those_at_once_each_with_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step from noise to latents adds none, so that the order of the draws does not matter."""
    torch.manual_seed(0)
    denoiser = {"name": "latent_denoiser", "network": {"name": "mlp", "width": 8}, "sampling_steps": 1}
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), classes=2, fitted_prior=denoiser)
    for parameter in model.fitted_prior.parameters():
        torch.nn.init.normal_(parameter)
    p, draws = model.inference(labels=torch.tensor([0, 1, 1]), fitted=True).prior, []
    for rows in (4096, 5):
        monkeypatch.setattr(latent_denoiser, "_ROWS", rows)
        torch.manual_seed(0)
        draws.append(p.sample((4,)))
    torch.testing.assert_close(draws[1], draws[0], rtol=1e-4, atol=0)


def test_small_maps_are_not_halved_and_vectors_are_not_passed_on() -> None:
    """The output of the default network, v, is not the noisy latents plus something small."""
    assert _default_network((4,)).options["skip"] is False
    assert _default_network((2, 8, 8)).options == _default_network((3, 12)).options == {}
    assert _default_network((2, 7, 9)).options["channels"] == [64]


@pytest.mark.slow
def test_in_a_model_with_classes_each_has_its_own_draws() -> None:
    torch.manual_seed(0)
    denoiser = {"name": "latent_denoiser", "network": {"name": "mlp", "width": 48}}
    model = zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), classes=2, fitted_prior=denoiser)
    prior, labels = model.fitted_prior, torch.arange(512) % 2
    z = 4.0 * (2 * labels - 1)[:, None] + 0.3 * torch.randn(512, 2)
    prior.fit(z, labels)
    optimizer = torch.optim.Adam(prior.parameters(), lr=5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        prior.fit_loss(model.inference(labels=labels, fitted=True), z[None]).backward()
        optimizer.step()
    drawn = model.eval().latents(400, labels[:400])
    assert (drawn[labels[:400] == 0].mean(0) + 4).abs().max() < 0.5
    assert (drawn[labels[:400] == 1].mean(0) - 4).abs().max() < 0.5
    assert model.sample(2, labels[:2]).shape == (2, 1, 4, 4)


def test_bounds_under_it_are_refused_in_words() -> None:
    torch.manual_seed(0)
    model = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), fitted_prior="latent_denoiser").eval()
    x = torch.rand(5, 1, 4, 4)
    reason = "the fitted prior 'latent_denoiser' can be sampled but has no density, so there is no bound with it"
    with pytest.raises(NotApplicableError, match=reason):
        model.log_likelihood(x, num_samples=2, fitted=True)
    with pytest.raises(NotApplicableError, match="sampled but has no density"):
        model.inference(fitted=True).prior.log_prob(torch.zeros(1, 2))
    found = zoo.evaluate(model, x, ["elbo", {"name": "log_likelihood", "num_samples": 2}])
    assert "elbo_fitted" not in found
    assert "log_likelihood_fitted" not in found
    assert found.measurements["elbo"].note == found.measurements["log_likelihood"].note == reason
    context = evaluation_context(model, x)
    assert reason in record(context, choose_metrics(context, ["elbo"]), "test")["notes"]


def test_as_the_prior_of_training_it_is_refused() -> None:
    with pytest.raises(
        ComponentError, match=r"model\.prior: the prior 'latent_denoiser' can be sampled but has no density"
    ):
        zoo.build("vae-mlp-2d", prior="latent_denoiser")


@pytest.mark.parametrize(
    ("network", "message"),
    [("nothing", "unknown network 'nothing'"), ({"name": "mlp", "widht": 3}, "width"), ("unet", "series of shape")],
)
def test_a_network_that_cannot_work_is_refused(network: object, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        zoo.build("vae-mlp-2d", fitted_prior={"name": "latent_denoiser", "network": network})
