"""What the zoo raises when it refuses: what was wrong, where, and what to do about it."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable, Iterator


class ZooError(Exception):
    """An expected failure, told in one message without a traceback.

    Args:
        problem: what was expected and what was found.
        where: the file, field path or component that it concerns.
        remedy: what the reader can do about it.
    """

    exit_status = 1

    def __init__(self, problem: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.problem, self.where, self.remedy = problem, where, remedy
        super().__init__(problem)

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{text}\n{self.remedy}" if self.remedy else text


class InputError(ZooError, ValueError):
    """What was asked for cannot be done as it was asked."""

    exit_status = 2


class RecipeError(InputError):
    """A recipe, a spec or an override is not valid."""


class ComponentError(InputError):
    """A component is unknown, badly configured, broken, or does not fit the others."""


class NotApplicableError(ComponentError):
    """A metric, a figure or an operation does not apply to a model or its data; the problem says why.

    Checks raise it, so that the reason is worded once. Code that was asked for something by name lets it pass; code
    that takes whatever applies asks :func:`why_not`.
    """


class DataError(InputError):
    """Data cannot be had, or are not what the model or the recipe needs."""


class CheckpointError(InputError):
    """A checkpoint or run directory is absent, damaged, or of another shape."""


class RunError(InputError):
    """A run directory is in the way, in use, or does not belong to this recipe."""


class TrainingError(ZooError):
    """Training could not go on; the last good checkpoint is kept."""


class OtherProcessError(TrainingError):
    """Another process of the run failed, and has said why."""


class ZooWarning(UserWarning):
    """Something was left out, such as a broken plug-in, or looks like a mistake, and the rest goes on."""


def why_not(check: Callable[..., object], *arguments: object) -> str | None:
    """Return why a check says that something does not apply, or None if it applies.

    Example:
        >>> def check_even(number):
        ...     if number % 2:
        ...         raise NotApplicableError(f"{number} is odd")
        >>> why_not(check_even, 3), why_not(check_even, 4)
        ('3 is odd', None)
    """
    try:
        check(*arguments)
    except NotApplicableError as error:
        return error.problem
    return None


@contextlib.contextmanager
def located(where: str) -> Iterator[None]:
    """Put the file or object that is being worked on before the place that an error names."""
    try:
        yield
    except ZooError as error:
        error.where = f"{where}: {error.where}" if error.where else where
        raise


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return ``"Did you mean 'x'? "`` for the known name nearest to ``name``, or an empty string.

    Capitals do not count, and what a name begins with before a hyphen, or ends with behind a dot, is nearer than any
    likeness.

    Args:
        likeness: the least that counts as near, from 0 to 1 for the same name.

    Example:
        >>> nearest("AdamW", ["adam", "adamw"]), nearest("ae", ["vae", "ae-mlp"]), nearest("colour", ["conv"])
        ("Did you mean 'adamw'? ", "Did you mean 'ae-mlp'? ", '')
        >>> nearest("Digits", ["digits-ae", "digits"]), nearest("", ["-x"])
        ("Did you mean 'digits'? ", '')
    """
    wanted, names = name.casefold(), {each.casefold(): each for each in known}
    halves = [each for each in names if each.startswith(f"{wanted}-") or each.endswith(f".{wanted}")] if wanted else []
    match = [wanted] if wanted in names else halves or difflib.get_close_matches(wanted, names, n=1, cutoff=likeness)
    return f"Did you mean {names[match[0]]!r}? " if match else ""


def unknown_name(what: str, name: str, known: Iterable[str]) -> tuple[str, str]:
    """Word the problem and the remedy for a name that is not among the known ones."""
    names = sorted(known)
    return f"unknown {what} {name!r}", f"{nearest(name, names)}Available: {', '.join(names) or 'none'}."
