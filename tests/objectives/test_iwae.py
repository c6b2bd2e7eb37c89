"""Importance-weighted bounds: identities between them, and gradients against the plain one."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import zoo
from tests import linear_gaussian
from zoo.errors import ComponentError
from zoo.model import Model


def make(posterior: str = "diagonal_gaussian", **options: object) -> Model:
    return linear_gaussian.randomise(linear_gaussian.build(posterior, name="iwae", **options)).train()


def exact(**options: object) -> Model:
    """The model whose posterior is the true one, N(M⁻¹ Wᵀ (x − b), σ² M⁻¹)."""
    model = linear_gaussian.build({"name": "full_gaussian", "floor": 1e-8}, name="iwae", **options).double().train()
    weight, bias, sigma = linear_gaussian.W.double(), linear_gaussian.B.double(), linear_gaussian.SIGMA
    inverse = torch.linalg.inv(weight.T @ weight + sigma**2 * torch.eye(2, dtype=torch.float64))
    lower = torch.linalg.cholesky(sigma**2 * inverse)
    scale = lower.diagonal()
    head = model.posterior.head
    with torch.no_grad():
        head.weight.zero_()
        head.weight[:2] = inverse @ weight.T
        head.bias[:2] = -inverse @ weight.T @ bias
        head.bias[2:4] = torch.log(torch.expm1(scale - 1e-8))
        head.bias[4] = lower[1, 0] / scale[1] * 2**0.5
    return model


def near(**options: object) -> Model:
    """The same with a posterior a little away from the true one, where the better gradients help."""
    model = exact(**options)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.posterior.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def bound(model: Model, x: Tensor, seed: int = 0) -> float:
    torch.manual_seed(seed)
    return model.loss(x).terms["bound"].item()


def gradients(model: Model, x: Tensor, repeats: int) -> Tensor:
    """Gradients (repeats, P) of the weights of the posterior's layer, each of a batch x with draws of its own.

    One pass gives all: the gradient of a linear layer is a sum over examples.
    """
    outputs: list[Tensor] = []
    layer = model.posterior.head.register_forward_hook(lambda *seen: outputs.append(seen[2]))
    torch.manual_seed(0)
    loss = model.loss(x.repeat(repeats, 1)).total * repeats
    layer.remove()
    found = sum(torch.autograd.grad(loss, [output for output in outputs if output.requires_grad]))
    found = found.view(repeats, len(x), -1)
    return torch.cat([torch.einsum("rbo, bi -> roi", found, x).flatten(1), found.sum(1)], 1)


def test_one_draw_in_each_group_is_the_elbo() -> None:
    model, x = make(num_samples=1, groups=64), linear_gaussian.data(20)
    torch.manual_seed(0)
    terms = model.loss(x).terms
    assert terms["bound"].item() == pytest.approx(terms["elbo"].item(), rel=1e-6)


def test_one_group_is_the_importance_weighted_bound() -> None:
    model, x = make(num_samples=8, groups=1), linear_gaussian.data(20)
    torch.manual_seed(0)
    log_weights = model.inference(x).draw(8).log_weights
    by_hand = log_weights.exp().mean(0).log().mean()
    assert bound(model, x) == pytest.approx(by_hand.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "bound"), [({"num_samples": 1, "groups": 8}, "elbo"), ({"num_samples": 8}, "iwae")]
)
def test_it_agrees_with_the_bounds_of_the_objective_vae(options: dict, bound: str) -> None:
    x = linear_gaussian.data(20)
    kind = {"kl": "monte_carlo"} if bound == "elbo" else {"bound": "importance_weighted"}
    vae = linear_gaussian.randomise(linear_gaussian.build("diagonal_gaussian", num_samples=8, **kind))
    totals = []
    for model in (make(**options), vae):
        torch.manual_seed(0)
        totals.append(model.loss(x).total.item())
    assert totals[0] == pytest.approx(totals[1], rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"num_samples": 5},
        {"num_samples": 1, "groups": 5},
        {"num_samples": 3, "groups": 2},
        {"num_samples": 5, "elbo": 0.05},
        {"num_samples": 6, "encoder_groups": 3},
        {"num_samples": 6, "gradient": "dreg"},
        {"num_samples": 1, "gradient": "stl"},
    ],
)
def test_with_the_true_posterior_every_bound_is_the_evidence_of_every_example(options: dict) -> None:
    model, x = exact(**options), linear_gaussian.data(4).double()
    expected = linear_gaussian.log_evidence(model, x)
    for example, evidence in zip(x, expected, strict=True):
        assert -model.loss(example[None]).total.item() == pytest.approx(evidence.item(), abs=1e-5)


def test_bounds_are_ordered_and_stay_below_the_evidence() -> None:
    x = linear_gaussian.data(100)
    sizes = [(1, 64), (4, 16), (16, 4), (64, 1)]
    values = [bound(make(num_samples=k, groups=m), x) for k, m in sizes]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(values))
    assert values[-1] < linear_gaussian.log_evidence(make(), x).mean().item()


def test_options_that_are_left_out_give_the_bound_of_five_draws_in_one_group() -> None:
    x = linear_gaussian.data(20)
    assert bound(make(), x) == bound(make(num_samples=5, groups=1, elbo=0.0), x)
    assert bound(make(), x) != pytest.approx(bound(make(num_samples=6), x), rel=1e-6)


def test_the_share_of_the_elbo_is_mixed_in() -> None:
    x = linear_gaussian.data(20)
    pure, elbo, mixed = (bound(make(num_samples=8, elbo=share), x) for share in (0.0, 1.0, 0.25))
    assert mixed == pytest.approx(0.75 * pure + 0.25 * elbo, rel=1e-6)


def test_the_share_of_the_elbo_may_follow_a_schedule() -> None:
    x, schedule = linear_gaussian.data(20), {"name": "linear", "start": 1.0, "end": 0.0, "over": {"steps": 4}}
    changing = make(num_samples=8, elbo=schedule)
    for step in range(5):
        changing.update_schedules(step, 10)
        share = max(0.0, 0.75 - step / 4)
        assert bound(changing, x) == pytest.approx(bound(make(num_samples=8, elbo=share), x), rel=1e-6)
    with pytest.raises(ComponentError, match=r"objective\.elbo: expected a weight of at most 1, got 1\.5"):
        zoo.build("vae-mlp-2d", objective={"name": "iwae", "elbo": 1.5})


@pytest.mark.parametrize("options", [{"gradient": "stl", "num_samples": 1}, {"gradient": "dreg", "num_samples": 5}])
def test_the_gradient_has_no_variance_at_the_true_posterior(options: dict) -> None:
    x = linear_gaussian.data(5).double()
    plain, better = exact(num_samples=options["num_samples"]), exact(**options)
    assert gradients(plain, x, 3).abs().max() > 1e-2
    assert gradients(better, x, 3).abs().max() < 1e-6


@pytest.mark.parametrize(
    "options",
    [
        {"num_samples": 3, "gradient": "dreg"},
        {"num_samples": 3, "groups": 2, "gradient": "dreg"},
        {"num_samples": 4, "elbo": 0.3, "gradient": "dreg"},
        {"num_samples": 1, "groups": 3, "gradient": "stl"},
        {"num_samples": 2, "groups": 2, "encoder_groups": 2, "gradient": "dreg"},
    ],
)
def test_the_better_gradient_has_the_mean_of_the_plain_one_and_less_variance(options: dict) -> None:
    x = linear_gaussian.data(16).double()
    plain = gradients(near(**{**options, "gradient": "plain"}), x, 200)
    better = gradients(near(**options), x, 200)
    error = (plain.var(0) / len(plain) + better.var(0) / len(better)).sqrt()
    assert ((plain.mean(0) - better.mean(0)).abs() <= 4.5 * error).all()
    assert better.var(0).sum() < plain.var(0).sum()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("elbo", [0.0, 0.3, 1.0])
def test_the_doubly_reparameterised_gradient_weighs_each_draw_by_the_square_of_its_share(
    groups: int, elbo: float
) -> None:
    """Σ_k w̃_k² ∂ log w_k/∂z_k ∂z_k/∂φ in each group, with w̃ the shares (Tucker et al. 2019, equation 8)."""
    x = linear_gaussian.data(6)
    model = make(num_samples=3, groups=groups, elbo=elbo, gradient="dreg")
    found = gradients(model, x, 1)[0]
    torch.manual_seed(0)
    z = model.inference(x).draw(3 * groups).z
    q = model.encode(x)
    log_q = Normal(q.mean.detach(), q.stddev.detach()).log_prob(z).sum(-1)
    decoded = Normal(z @ linear_gaussian.W.T + linear_gaussian.B, linear_gaussian.SIGMA)
    log_weights = decoded.log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1) - log_q
    share = log_weights.detach().view(groups, 3, 6).softmax(1).view(3 * groups, 6)
    weight = (1 - elbo) * share.square() / groups + elbo / (3 * groups)
    by_hand = torch.autograd.grad(-(weight * log_weights).sum(0).mean(), [*model.posterior.parameters()])
    torch.testing.assert_close(found, torch.cat([gradient.flatten() for gradient in by_hand]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"num_samples": 3, "elbo": 0.3}, {"num_samples": 2, "groups": 2}])
def test_the_prior_has_the_plain_gradient_beside_the_better_one(options: dict) -> None:
    x, found = linear_gaussian.data(6), []
    for gradient in ("plain", "dreg"):
        prior = {"name": "gaussian", "learned": True}
        objective = {"name": "iwae", "gradient": gradient, **options}
        model = linear_gaussian.randomise(linear_gaussian.build("diagonal_gaussian", prior, **objective)).train()
        torch.manual_seed(0)
        model.loss(x).total.backward()
        found.append([parameter.grad for parameter in model.latent_prior.parameters()])
    assert len(found[0]) > 0
    torch.testing.assert_close(*found)


def test_draws_whose_posterior_learns_nothing_have_no_gradient_to_weigh() -> None:
    model = make(num_samples=3, gradient="dreg").requires_grad_(False)
    total = model.loss(linear_gaussian.data(6)).total
    assert torch.isfinite(total)
    assert not total.requires_grad


@pytest.mark.parametrize("gradient", ["plain", "dreg"])
def test_the_encoder_has_its_own_groups_and_the_prior_keeps_the_others(gradient: str) -> None:
    """PIWAE: the prior's gradient is that of IWAE over all draws, the encoder's that of MIWAE."""
    x = linear_gaussian.data(6)
    prior = {"name": "gaussian", "learned": True}
    build = linear_gaussian.build

    def gradient_of(**options: object) -> dict[str, Tensor]:
        model = linear_gaussian.randomise(build("diagonal_gaussian", prior, name="iwae", **options)).train()
        torch.manual_seed(0)
        model.loss(x).total.backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    partial = gradient_of(num_samples=8, groups=1, encoder_groups=4, gradient=gradient)
    whole = gradient_of(num_samples=8, groups=1)
    grouped = gradient_of(num_samples=2, groups=4, gradient=gradient)
    for name in partial:
        expected = whole if name.startswith("latent_prior") else grouped
        torch.testing.assert_close(partial[name], expected[name], msg=name)


def test_with_one_draw_in_each_group_of_the_encoder_its_gradient_is_that_of_single_draws() -> None:
    """PIWAE with ``stl``: the posterior learns from log w at single draws, without the score of q."""
    x = linear_gaussian.data(6)
    options = {"num_samples": 1, "groups": 6, "gradient": "stl"}
    partial, single = make(**options, encoder_groups=6), make(**options)
    torch.testing.assert_close(gradients(partial, x, 1), gradients(single, x, 1))


@pytest.mark.parametrize("gradient", ["plain", "dreg"])
def test_labels_keep_their_gradient_where_the_groups_of_the_encoder_are_the_same(gradient: str) -> None:
    gradients = []
    for encoder_groups in (None, 2):
        torch.manual_seed(0)
        objective = {"name": "iwae", "num_samples": 3, "groups": 2, "encoder_groups": encoder_groups}
        model = zoo.build("cvae-mlp-2d", data_shape=(1, 4, 4), objective={**objective, "gradient": gradient}).train()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        torch.manual_seed(1)
        model.loss(torch.ones(4, 1, 4, 4), torch.arange(4)).total.backward()
        gradients.append(model.label_embedding.table.weight.grad)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_validation_reports_the_bound_itself() -> None:
    x = linear_gaussian.data(20)
    for options in ({"gradient": "dreg"}, {"encoder_groups": 5}):
        model = make(num_samples=5, **options)
        torch.manual_seed(0)
        in_training = model.loss(x).total.item()
        torch.manual_seed(0)
        assert model.eval().loss(x).total.item() == pytest.approx(in_training, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_samples": 2, "gradient": "stl"}, "biased"),
        ({"num_samples": 4, "encoder_groups": 3}, "cannot be divided evenly"),
    ],
)
def test_what_would_be_wrong_is_refused(options: dict, words: str) -> None:
    with pytest.raises(ComponentError, match=words):
        zoo.build("vae-mlp-2d", objective={"name": "iwae", **options})


def test_a_posterior_that_knows_the_density_of_its_own_draws_alone_has_the_plain_gradient_alone() -> None:
    assert make("hamiltonian").objective.uses_densities_of_draws
    with pytest.raises(ComponentError, match=r"needs log q\(z\|x\) at fixed parameters"):
        zoo.build("vae-mlp-2d", objective={"name": "iwae", "gradient": "dreg"}, posterior="hamiltonian")


@pytest.mark.parametrize(("options", "passes"), [({}, 1), ({"gradient": "dreg"}, 1), ({"encoder_groups": 1}, 2)])
def test_draws_are_decoded_once_for_each_gradient_that_needs_it(options: dict, passes: int) -> None:
    model, calls = make(num_samples=4, **options), []
    model.decoder.register_forward_hook(lambda *_: calls.append(1))
    model.loss(linear_gaussian.data(3)).total.backward()
    assert len(calls) == passes
