"""Proposals of optuna: within their ranges, repeatable, and better than chance."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'latent-zoo[sweep]'")

from zoo.sweeps.axes import Choice, parse_grid
from zoo.sweeps.search import OptunaSearch

AXES = parse_grid(
    ["lr=log(1e-4,1)", "share=uniform(0,1)", "width=log_integer(2,512)", "layers=integer(1,3)", "kind=[1],a,null"]
)


def score(choice: Choice) -> float:
    """Return a number that is largest, 0, at a rate of 0.01 and a width of 64."""
    rate, width = math.log10(choice.values["lr"]) + 2, math.log2(choice.values["width"]) - 6
    return -(rate**2) - width**2


def searched(count: int, at_a_time: int = 1, trials: list | None = None) -> list[tuple[Choice, float | None]]:
    search, trials = OptunaSearch(AXES, "higher", seed=0), list(trials or [])
    while len(trials) < count:
        trials += [(choice, score(choice)) for choice in search.propose(trials, at_a_time)]
    return trials


def test_proposals_lie_in_their_ranges_and_have_few_digits():
    for choice, _ in searched(16, at_a_time=8):
        assert 1e-4 <= choice.values["lr"] <= 1
        assert float(f"{choice.values['lr']:.4g}") == choice.values["lr"]
        assert 0 <= choice.values["share"] <= 1
        assert type(choice.values["width"]) is int
        assert 2 <= choice.values["width"] <= 512
        assert choice.values["layers"] in (1, 2, 3)
        assert choice.values["kind"] in ([1], "a", None)


def test_what_is_proposed_follows_from_the_trials_before():
    whole = searched(14)
    assert searched(14, trials=whole[:11]) == whole
    failed = [*whole[:11], (whole[11][0], None), (whole[12][0], math.nan)]
    assert searched(14, trials=failed)[13] != whole[13]


def test_the_search_finds_what_chance_does_not():
    trials = searched(40)
    by_chance = sum(value for _, value in trials[:10]) / 10
    assert sum(value for _, value in trials[30:]) / 10 > by_chance / 2
    assert max(value for _, value in trials) > -0.5
