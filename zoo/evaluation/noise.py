"""Numbers that are in another order than what they estimate, since they are estimates."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.evaluation.measurement import Measurement


def notes_on_noise(measured: Sequence[Measurement]) -> list[str]:
    """Return a note for each number that is below one that it is an upper bound of, such as log p(x) below the ELBO.

    Both are estimates, from different draws and sometimes from different examples.

    Example:
        >>> from zoo.evaluation.measurement import Result
        >>> elbo, upper = Result("elbo"), Result("log_likelihood", at_least="elbo")
        >>> notes_on_noise([Measurement(elbo, -24.43), Measurement(upper, -24.47)])[0].partition(":")[0]
        'log_likelihood (-24.47) is below elbo (-24.43), which it is never below in expectation'
    """
    notes = []
    for upper in measured:
        for lower in measured:
            if lower.result.name != upper.result.at_least or lower.source != upper.source:
                continue
            if not isinstance(upper.value, float) or not isinstance(lower.value, float) or upper.value >= lower.value:
                continue
            parts = [] if upper.examples == lower.examples else [f"{_examples(upper)} and {_examples(lower)} examples"]
            notes.append(
                f"{upper.key} ({upper.value:.4g}) is below {lower.key} ({lower.value:.4g}), which it is never below in "
                f"expectation: they are estimated from {' and '.join([*parts, 'different draws'])}. "
                f"More draws{' and the same examples' if parts else ''} bring them into order."
            )
    return notes


def _examples(measurement: Measurement) -> str:
    return "all" if measurement.examples is None else f"the first {measurement.examples:,}"
