"""Results of metrics: numbers with their unit, direction, explanation and standard error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Value = int | float | list[float]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Source:
    """Where examples come from that a metric compares with data.

    Attributes:
        key: the end of a result's name, as in ``recall_prior``.
        title: the words for it in tables.
        meaning: what it is, for a reader who does not know it.
    """

    key: str
    title: str
    # The files that measurements are read from do not hold it.
    meaning: str = field(default="", compare=False)


TRAINING_DATA = Source("data", "training data", "examples that the model was trained on, as a reference for samples")
PRIOR = Source("prior", "from the prior", "samples whose latents are drawn from p(z), the prior of training")
FITTED = Source("fitted", "fitted prior", "the prior that was fitted to the latents after training, in place of p(z)")
MEANINGS = {source.key: source.meaning for source in (TRAINING_DATA, PRIOR, FITTED)}


@dataclass(frozen=True)
class Result:
    """The declaration of a number that a metric reports.

    Attributes:
        name: its name in :func:`zoo.evaluate` and ``evaluation.json``.
        explanation: one sentence for a reader who does not know the metric.
        unit: ``nats``, ``bits``, …; None for a count or a ratio.
        better: the better direction, or None where neither is.
        title: its name in tables; the name as words if not given.
        sources: where the compared examples come from, for each of which the result is measured; None for a result that
            has no source.
        at_least: name of a result that is never above this one but for the noise of the draws; "" if there is none.

    Example:
        >>> Result("bits_per_dimension", "Code length of a value.", unit="bits", better="lower").heading
        'bits per dimension'
    """

    name: str
    explanation: str = ""
    unit: str | None = None
    better: Better | None = None
    title: str = ""
    # The files that measurements are read from do not hold it.
    sources: tuple[Source | None, ...] = field(default=(None,), compare=False)
    at_least: str = field(default="", compare=False)

    @property
    def heading(self) -> str:
        """The name in tables."""
        return self.title or self.name.replace("_", " ")

    @property
    def meaning(self) -> str:
        """The explanation, and which direction is better."""
        direction = f"{self.better.capitalize()} is better." if self.better else ""
        return " ".join(part for part in (self.explanation, direction) if part)


@dataclass(frozen=True)
class Measurement:
    """One number of a metric, or one list of them, as it was measured.

    Attributes:
        result: the declaration of what it means.
        value: a number, or a list with an entry for each dimension, step, …
        standard_error: of the value as a mean over examples.
        source: where the compared examples come from, where a result is measured for several sources.
        examples: the number of examples, where not all of the split were used.
        note: a remark for the reader, such as the data that a classifier was fitted to.
    """

    result: Result
    value: Value
    standard_error: float | None = None
    source: Source | None = None
    examples: int | None = None
    note: str = ""

    @property
    def key(self) -> str:
        """The name in :func:`zoo.evaluate` and ``evaluation.json``.

        Example:
            >>> Measurement(Result("recall"), 0.5, source=PRIOR).key
            'recall_prior'
        """
        return self.result.name if self.source is None else f"{self.result.name}_{self.source.key}"


class Evaluation(dict[str, Any]):
    """Numbers by name; ``measurements`` has the standard error, unit and explanation of each.

    Example:
        >>> found = Evaluation([Measurement(Result("elbo", unit="nats"), -24.4, standard_error=0.2)])
        >>> found["elbo"], found.measurements["elbo"].standard_error
        (-24.4, 0.2)
    """

    def __init__(self, measurements: list[Measurement]) -> None:
        self.measurements = {each.key: each for each in measurements}
        super().__init__({key: each.value for key, each in self.measurements.items()})
