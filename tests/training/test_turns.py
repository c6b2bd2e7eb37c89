"""Turns: each adversary descends on its own loss with its own optimiser, and moves nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zoo
from tests.training.trainers import same_tensors, trainer
from zoo.data import Data
from zoo.errors import ComponentError, RecipeError
from zoo.model import Model
from zoo.nn.adversary import Adversary, Discriminator
from zoo.regularisers import Regulariser
from zoo.spec import TrainSpec
from zoo.spec.component import ComponentSpec
from zoo.training.optimizers import parameter_groups
from zoo.training.resolve import resolve_training
from zoo.training.turn import make_turns
from zoo.utils.distributed import ProcessGroup

CRITIC = {"name": "total_correlation_critic", "weight": 5.0, "width": 16, "depth": 1}
TWO = {"regularisers": {"tc": CRITIC, "other": {**CRITIC, "weight": 1.0}}}
ONE = {"regularisers": {"tc": CRITIC}}


def parts(model: Model) -> dict[str, Tensor]:
    """Return the weights of the critic, and all others, in one row each."""
    critic = {id(p) for p in model.adversaries()["tc"].parameters()}
    return {
        name: torch.cat([p.detach().flatten() for p in model.parameters() if (id(p) in critic) is mine])
        for name, mine in (("critic", True), ("model", False))
    }


def test_an_adversary_descends_on_its_loss_and_is_recorded_beside_train(digits: Data) -> None:
    """The critic tells latents from latents that are moved by 4, which is easy: from chance it comes close to 0."""

    @zoo.register("regulariser", "moved")
    class Moved(Regulariser):
        def __init__(self) -> None:
            super().__init__(0.0)
            self.critic = Discriminator(2, width=8, depth=1)

        def forward(self, samples: Any) -> Tensor:
            return self.critic.logits(samples.z[0]).mean()

        def evidence(self, samples: Any) -> tuple[Tensor, ...]:
            return samples.z[0], samples.z[0] + 4

    turns = {"m": {"optimizer": {"lr": 2e-2}}}
    run, recorded = trainer(digits, model={"regularisers": {"m": "moved"}}, epochs=12, turns=turns)
    run.run()
    losses = [record["adversaries"]["m"] for record in recorded.records]
    assert losses[0] > 0.4
    assert losses[-1] < 0.15
    assert "m" in recorded.records[0]["train"].keys() & recorded.records[0]["validation"].keys()


class Threshold(Adversary):
    """Moves its threshold to the mean of what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(2))

    def forward(self, *evidence: Tensor) -> Tensor:
        return (evidence[0] - self.threshold).square().sum(1).mean()


@pytest.fixture
def follower() -> str:
    """A regulariser whose adversary follows the mean of the latents."""

    @zoo.register("regulariser", "follower")
    class Follower(Regulariser):
        def __init__(self, *, weight: float = 0.0, shows: bool = True) -> None:
            super().__init__(weight)
            self.adversary, self.shows = Threshold(), shows

        def forward(self, samples: Any) -> Tensor:
            return (samples.z - self.adversary.threshold).square().mean()

        def evidence(self, samples: Any) -> tuple[Tensor, ...]:
            return (samples.z[0],) if self.shows else ()

    return "follower"


def test_a_step_of_an_adversary_is_that_of_gradient_descent_on_its_own_loss(digits: Data, follower: str) -> None:
    """With plain SGD, threshold ← threshold − lr · 2 (threshold − mean of the batch's latents)."""
    options: dict[str, Any] = {"model": {"regularisers": {"f": {"name": follower}}}, "epochs": 1, "batch_size": 300}
    run, recorded = trainer(digits, turns={"f": {"optimizer": {"name": "sgd", "lr": 0.25}, "steps": 3}}, **options)
    shown: list[Tensor] = []
    adversary = run.model.regularisers["f"].adversary
    adversary.register_forward_pre_hook(lambda module, evidence: shown.append(evidence[0]))
    run.run()
    assert len(shown) == 3
    assert all(evidence is not None and not evidence.requires_grad for evidence in shown)
    mean = shown[0].mean(0)
    torch.testing.assert_close(adversary.threshold.detach(), mean * (1 - 0.5**3))
    loss = (shown[2] - mean * (1 - 0.5**2)).square().sum(1).mean()  # that before the last of its steps
    assert recorded.records[0]["adversaries"]["f"] == pytest.approx(float(loss), rel=1e-5)


def test_the_model_does_not_move_the_adversary_nor_the_adversary_the_model(digits: Data) -> None:
    still = {"name": "sgd", "lr": 1e-30}
    frozen_critic, _ = trainer(digits, model=ONE, epochs=1, turns={"tc": {"optimizer": still}})
    frozen_model, _ = trainer(digits, model=ONE, epochs=1, optimizer=still)
    before = parts(frozen_critic.model)
    frozen_critic.run()
    frozen_model.run()
    assert torch.equal(parts(frozen_critic.model)["critic"], before["critic"])
    assert not torch.equal(parts(frozen_critic.model)["model"], before["model"])
    assert torch.equal(parts(frozen_model.model)["model"], before["model"])
    assert not torch.equal(parts(frozen_model.model)["critic"], before["critic"])


def test_a_penalty_of_weight_zero_leaves_the_model_as_it_is_without_it(digits: Data, follower: str) -> None:
    with_it, _ = trainer(digits, model={"regularisers": {"f": {"name": follower}}})
    without, _ = trainer(digits)
    for run in (with_it, without):
        torch.manual_seed(1)
        run.run()
    expected = dict(without.model.named_parameters())
    for name, parameter in with_it.model.named_parameters():
        if not name.startswith("regularisers."):
            assert torch.equal(parameter, expected[name]), name


def test_gradients_are_on_again_after_training(digits: Data) -> None:
    run, _ = trainer(digits, model=ONE, epochs=1)
    assert not any(p.requires_grad for p in run.model.adversaries()["tc"].parameters())
    run.run()
    assert all(p.requires_grad for p in run.model.parameters())


class HalfFrozen(Adversary):
    """Follows the mean of the latents from a centre that it must not move, nor leave without gradients of others."""

    def __init__(self) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.full((2,), 0.5), requires_grad=False)
        self.threshold = nn.Parameter(torch.zeros(2))

    def forward(self, *evidence: Tensor) -> Tensor:
        return (evidence[0] - self.centre - self.threshold).square().sum(1).mean()


def test_frozen_parameters_of_an_adversary_stay_frozen(digits: Data) -> None:
    @zoo.register("regulariser", "half_frozen")
    class Follower(Regulariser):
        def __init__(self) -> None:
            super().__init__(0.0)
            self.adversary = HalfFrozen()

        def forward(self, samples: Any) -> Tensor:
            return (samples.z - self.adversary.threshold).square().mean()

        def evidence(self, samples: Any) -> tuple[Tensor, ...]:
            return (samples.z[0],)

    run, recorded = trainer(digits, model={"regularisers": {"f": "half_frozen"}}, epochs=1)
    adversary = run.model.regularisers["f"].adversary
    during: list[bool] = []
    adversary.register_forward_hook(lambda *_: during.append(adversary.centre.requires_grad))
    run.run()
    assert during
    assert not any(during)
    assert torch.equal(adversary.centre, torch.full((2,), 0.5))
    assert not torch.equal(adversary.threshold.detach(), torch.zeros(2))
    assert (adversary.centre.requires_grad, adversary.threshold.requires_grad) == (False, True)
    assert {name for name in recorded.states[-1].tensors if name.startswith("turn.f.")} == {
        f"turn.f.0.{name}" for name in ("exp_avg", "exp_avg_sq", "step")
    }


def test_an_adversary_without_anything_to_train_is_refused(digits: Data) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), **ONE)
    model.adversaries()["tc"].requires_grad_(False)
    with pytest.raises(RecipeError, match=r"train\.turns\.tc: expected parameters that require gradients"):
        make_turns(model, resolve_training(TrainSpec(), model), ProcessGroup.here(torch.device("cpu")), [])


def test_turns_come_every_so_many_steps(digits: Data, follower: str) -> None:
    turn = {"optimizer": {"name": "sgd", "lr": 0.1}, "every": 4}
    run, recorded = trainer(digits, model={"regularisers": {"f": {"name": follower}}}, epochs=3, turns={"f": turn})
    at: list[int] = []
    run.model.regularisers["f"].adversary.register_forward_hook(lambda *_: at.append(run.step))
    run.run()
    assert at == [0, 4, 8, 12]
    assert ["f" in record.get("adversaries", {}) for record in recorded.records] == [True, True, True]
    seldom = {"optimizer": {"name": "sgd", "lr": 0.1}, "every": 10}
    run, recorded = trainer(digits, model={"regularisers": {"f": {"name": follower}}}, epochs=3, turns={"f": seldom})
    run.run()
    assert ["f" in record.get("adversaries", {}) for record in recorded.records] == [True, False, True]


@pytest.mark.parametrize("index", [0, 2, 5])
def test_a_run_with_two_adversaries_continues_from_any_state_to_the_same_bytes(digits: Data, index: int) -> None:
    options: dict[str, Any] = {
        "model": TWO,
        "checkpoint_every": {"steps": 2},
        "turns": {
            "tc": {"steps": 2, "clip_norm": 0.1},
            "other": {"every": 3, "optimizer": "sgd", "schedule": "cosine"},
        },
        "groups": {"decoder.*": {"weight_decay": 0.1}},
    }
    whole, recorded = trainer(digits, **options)
    whole.run()
    second, again = trainer(digits, **options)
    second.resume(recorded.states[index])
    second.run()
    assert same_tensors(again.states[-1], recorded.states[-1])
    assert again.records == recorded.records[-len(again.records) :]
    names = recorded.states[-1].tensors
    assert {"optimizer.0.exp_avg", "turn.tc.0.exp_avg", "turn.other.0.momentum_buffer"} - set(names) == {
        "turn.other.0.momentum_buffer"  # plain SGD has no state
    }


def test_each_turn_has_a_schedule_and_a_clipping_of_its_own(digits: Data, follower: str) -> None:
    model = {"regularisers": {"f": {"name": follower}}}
    clipped = {"optimizer": {"name": "sgd", "lr": 1.0}, "clip_norm": 1e-3}
    run, _ = trainer(digits, model=model, epochs=1, turns={"f": clipped})
    run.run()
    assert 0 < run.model.regularisers["f"].adversary.threshold.norm() <= 5e-3 * 1.01
    rates: dict[str, list[tuple[float, float]]] = {"same": [], "own": []}
    for name, schedule in (("same", None), ("own", "constant")):
        run, _ = trainer(digits, model=model, schedule="cosine", turns={"f": {"schedule": schedule}})
        model_turn, turn = run.stepper.turns
        run.model.regularisers["f"].adversary.register_forward_hook(
            lambda *_, n=name, m=model_turn, t=turn: rates[n].append((m.learning_rate, t.learning_rate))
        )
        run.run()
    assert [own for _, own in rates["same"]] == pytest.approx([rate / 10 for rate, _ in rates["same"]])
    assert [own for _, own in rates["own"]] == [1e-4] * 15
    assert rates["own"][0][0] > rates["own"][-1][0] == pytest.approx(0.0)


def test_every_adversary_has_a_turn_in_the_resolved_recipe_and_no_other(digits: Data) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), **TWO)
    resolved = resolve_training(TrainSpec(), model)
    assert list(resolved.turns) == ["tc", "other"]
    assert resolved.turns["tc"].optimizer.options["betas"] == [0.5, 0.9]
    spec = TrainSpec.model_validate({"turns": {"tcc": {}}})
    with pytest.raises(RecipeError, match=r"train\.turns\.tcc: unknown adversary 'tcc'\nDid you mean 'tc'"):
        resolve_training(spec, model)
    with pytest.raises(RecipeError, match=r"train\.turns\.tcc: .*\nThe model has no adversary"):
        resolve_training(spec, zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)))
    wrong = TrainSpec.model_validate({"turns": {"tc": {"optimizer": {"name": "adam", "betas": [0.9]}}}})
    with pytest.raises(ComponentError, match=r"train\.turns\.tc\.optimizer\.betas"):
        resolve_training(wrong, model)


def test_an_adversary_that_is_shown_nothing_is_an_error(digits: Data, follower: str) -> None:
    run, _ = trainer(digits, model={"regularisers": {"f": {"name": follower, "shows": False}}})
    with pytest.raises(ComponentError, match="evidence for the adversary 'f', got none"):
        run.run()


# Groups of parameters.


def test_options_reach_the_parameters_whose_names_match(digits: Data) -> None:
    """With SGD, a group's rate of (almost) 0 keeps its parameters where they are."""
    groups = {"decoder.*": {"lr": 1e-30}, "*.bias": {"lr": 1e-30}}
    run, _ = trainer(digits, epochs=1, optimizer={"name": "sgd", "lr": 1e-2}, groups=groups)
    before = {name: parameter.detach().clone() for name, parameter in run.model.named_parameters()}
    run.run()
    moved = {name for name, parameter in run.model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name in before if not name.startswith("decoder.") and not name.endswith(".bias")}


def test_the_last_pattern_that_sets_an_option_wins() -> None:
    parameters = {name: nn.Parameter(torch.zeros(1)) for name in ("a.weight", "a.bias", "b.weight")}
    optimizer = ComponentSpec.model_validate({"name": "adam", "lr": 0.1})
    patterns = {"a.*": {"lr": 1.0, "weight_decay": 0.5}, "*.bias": {"weight_decay": 0.0}}
    groups = parameter_groups(parameters, patterns, optimizer)
    assert groups == [
        {"params": [parameters["b.weight"]]},
        {"params": [parameters["a.weight"]], "lr": 1.0, "weight_decay": 0.5},
        {"params": [parameters["a.bias"]], "lr": 1.0, "weight_decay": 0.0},
    ]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"decodr.*": {"lr": 0.1}}, r"train\.groups: the pattern 'decodr\.\*' matches no parameter of the model"),
        ({"decodr.*": {"lr": 0.1}}, r"Names of parameters begin with: encoder, posterior, decoder\."),
        ({"regularisers.tc.*": {"lr": 0.1}}, "matches no parameter"),  # the critic's have a turn of their own
        ({"decoder.*": {"learning_rate": 0.1}}, r"train\.groups\.decoder\.\*\.learning_rate: unknown option"),
        ({"decoder.*": {"weight_decay": -1.0}}, r"train\.groups\.decoder\.\*.*[Ii]nvalid"),
    ],
)
def test_groups_that_cannot_be_are_refused(groups: dict[str, Any], message: str) -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), **ONE)
    with pytest.raises((RecipeError, ComponentError), match=message):
        resolve_training(TrainSpec.model_validate({"groups": groups}), model)
