"""The table of the losses of each step."""

from __future__ import annotations

import pytest
import torch

from zoo.errors import ComponentError
from zoo.training.step import StepLosses
from zoo.training.terms import StepTerms
from zoo.utils.distributed import SINGLE_PROCESS


def test_a_term_that_the_objective_changes_in_place_is_kept_as_it_was() -> None:
    beta = torch.zeros(())
    terms = StepTerms(SINGLE_PROCESS, torch.device("cpu"), steps=100)
    for step in range(100):
        beta.fill_(step)
        terms.add(StepLosses(torch.tensor(-1.0), {"beta": beta}, {}), 1.0)
        if step == 10:
            assert terms.last(2).tolist() == [[-1.0, 9.0], [-1.0, 10.0]]
    assert terms.names == ["loss", "beta"]
    assert terms.all()[:, 1].tolist() == list(range(100))


def test_terms_of_any_dtype_are_kept_in_float32() -> None:
    terms = StepTerms(SINGLE_PROCESS, torch.device("cpu"), steps=1)
    losses = {"double": torch.tensor(0.1, dtype=torch.float64), "half": torch.tensor(0.5, dtype=torch.bfloat16)}
    terms.add(StepLosses(torch.tensor(2), losses, {}), 1.0)
    assert terms.all().dtype == torch.float32
    assert terms.all().tolist() == [[2.0, torch.tensor(0.1).item(), 0.5]]


@pytest.mark.parametrize("later", [{"kl": 1.0, "more": 2.0}, {}, {"other": 1.0}])
def test_a_loss_whose_terms_change_is_refused_and_changes_no_row(later: dict[str, float]) -> None:
    terms = StepTerms(SINGLE_PROCESS, torch.device("cpu"), steps=3)
    terms.add(StepLosses(torch.tensor(3.0), {"kl": torch.tensor(1.0)}, {}), 1.0)
    changed = {name: torch.tensor(value) for name, value in later.items()}
    with pytest.raises(ComponentError, match=r"expected 2 numbers .*, first loss, kl, got"):
        terms.add(StepLosses(torch.tensor(4.0), changed, {}), 1.0)
    assert terms.all().tolist() == [[3.0, 1.0]]


def test_a_saved_state_with_another_number_of_terms_is_refused() -> None:
    terms = StepTerms(SINGLE_PROCESS, torch.device("cpu"), steps=3)
    terms.replace(torch.zeros(1, 3))
    with pytest.raises(ComponentError, match=r"expected 3 numbers as in the steps before"):
        terms.add(StepLosses(torch.tensor(4.0), {"kl": torch.tensor(1.0)}, {}), 1.0)


def test_the_mean_of_an_adversary_is_that_of_its_turns() -> None:
    terms = StepTerms(SINGLE_PROCESS, torch.device("cpu"), steps=5, every={"often": 2, "seldom": 100})
    for step in range(7, 12):  # the second epoch of a run, say
        due = {"often": torch.tensor(float(step))} if step % 2 == 0 else {}
        terms.add(StepLosses(torch.tensor(1.0), {"kl": torch.tensor(2.0)}, due), 1.0)
    sizes = torch.tensor([8.0, 4.0, 8.0, 8.0, 2.0], dtype=torch.float64)
    means, adversaries = terms.means(7, sizes)
    assert means == {"loss": 1.0, "kl": 2.0}
    assert adversaries == {"often": pytest.approx((8 * 4 + 10 * 8) / 12)}  # its turns had 4 and 8 examples
