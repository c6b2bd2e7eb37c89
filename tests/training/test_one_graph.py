"""The forward pass of a training step is one graph for the compiler: it is compiled without a break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import zoo
from tests.runs.parts import MLP, MODELS
from zoo.training.turn import freeze_others

STEPS = {"plain": MLP, **{name: MODELS[name] for name in ("critic", "hierarchy", "vamp", "mmd")}}


@pytest.fixture(autouse=True)
def _compiler_forgets() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


# The compiler looks at every operation of the package and of torch.distributions, which takes a second or two.
@pytest.mark.filterwarnings("ignore")  # those of torch's compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_the_loss_is_one_graph_and_the_same(name: str) -> None:
    torch.manual_seed(0)
    model = zoo.build(STEPS[name], data_shape=(1, 8, 8), train_examples=100)
    freeze_others(model)  # as the trainer does: an adversary is moved in its own turn alone
    x = torch.rand(6, 1, 8, 8)
    losses = []
    for step in (model, torch.compile(model, fullgraph=True, backend="eager")):
        torch.manual_seed(1)
        losses.append(step(x).total)
    torch.testing.assert_close(losses[1], losses[0])
    for adversary, evidence in zip(model.adversaries().values(), step(x).evidence.values(), strict=True):
        torch._dynamo.reset()
        own = torch.compile(adversary, fullgraph=True, backend="eager")(*evidence)
        assert own.isfinite()
