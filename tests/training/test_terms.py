"""The table of what each step lost."""

from __future__ import annotations

import torch

from zoo.objectives import Loss
from zoo.training.terms import StepTerms
from zoo.utils.distributed import SINGLE_PROCESS


def test_a_term_that_the_objective_changes_in_place_is_kept_as_it_was() -> None:
    beta = torch.zeros(())
    terms = StepTerms(SINGLE_PROCESS, torch.device("cpu"), steps=100)
    for step in range(100):
        beta.fill_(step)
        terms.add(Loss(torch.tensor(-1.0), {"beta": beta}), 1.0)
        if step == 10:
            assert terms.last(2).tolist() == [[-1.0, 9.0], [-1.0, 10.0]]
    assert terms.names == ["loss", "beta"]
    assert terms.all()[:, 1].tolist() == list(range(100))
