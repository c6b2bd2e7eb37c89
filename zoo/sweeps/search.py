"""A search for good combinations of values with optuna."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from zoo.sweeps.axes import Axes, Choice, Range
from zoo.sweeps.libraries import library


class OptunaSearch:
    """Proposes combinations with optuna's tree-structured Parzen estimator.

    The proposals depend only on the previous trials, their order and the seed, so that a sweep that is killed continues
    with the same proposals.

    Args:
        axes: the fields with their values or ranges.
        better: whether higher or lower scores are better.
        seed: seed of the draws.

    Raises:
        InputError: optuna is not installed.

    Source:
        Bergstra, Bardenet, Bengio & Kégl (2011), Algorithms for Hyper-Parameter Optimization.
    """

    def __init__(self, axes: Axes, better: Literal["higher", "lower"], seed: int) -> None:
        self._optuna: Any = library("optuna", "--search optuna")
        self._axes, self._better, self._seed = axes, better, seed

    def propose(self, trials: Sequence[tuple[Choice, float | None]], count: int) -> list[Choice]:
        """Return ``count`` further combinations.

        Args:
            trials: the combinations so far with their scores; the score of a failed one is None or not finite.
        """
        distributions = {key: self._distribution(axis) for key, axis in self._axes.items()}
        seed = int(np.random.SeedSequence((self._seed, len(trials))).generate_state(1)[0])
        with self._quiet():
            study = self._optuna.create_study(
                sampler=self._optuna.samplers.TPESampler(seed=seed),
                direction="maximize" if self._better == "higher" else "minimize",
            )
            for choice, score in trials:
                study.add_trial(self._trial(choice, score, distributions))
            proposals = [study.ask(distributions).params for _ in range(count)]
        return [Choice({key: self._value(key, params[key]) for key in self._axes}) for params in proposals]

    def _distribution(self, axis: list[Any] | Range) -> Any:
        """Return a distribution of optuna; values of a list are encoded as JSON, because optuna accepts no lists."""
        kinds = self._optuna.distributions
        if not isinstance(axis, Range):
            return kinds.CategoricalDistribution([json.dumps(value) for value in axis])
        if axis.is_whole:
            return kinds.IntDistribution(int(axis.low), int(axis.high), log=axis.is_log)
        return kinds.FloatDistribution(axis.low, axis.high, log=axis.is_log)

    def _trial(self, choice: Choice, score: float | None, distributions: Mapping[str, Any]) -> Any:
        states = self._optuna.trial.TrialState
        failed = score is None or not math.isfinite(score)
        params = {
            key: choice.values[key] if isinstance(axis, Range) else json.dumps(choice.values[key])
            for key, axis in self._axes.items()
        }
        return self._optuna.trial.create_trial(
            state=states.FAIL if failed else states.COMPLETE,
            value=None if failed else score,
            params=params,
            distributions=dict(distributions),
        )

    def _value(self, key: str, drawn: Any) -> Any:
        axis = self._axes[key]
        return axis.rounded(drawn) if isinstance(axis, Range) else json.loads(drawn)

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Switch off optuna's log of each trial and its warnings about experimental functions."""
        logs = self._optuna.logging
        before = logs.get_verbosity()
        logs.set_verbosity(logs.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
                yield
        finally:
            logs.set_verbosity(before)
