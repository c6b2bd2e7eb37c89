"""The errors of the package: each says what was wrong, where, and what to do about it."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Iterator

_LONGEST_PART, _LONGEST_NAME = 2000, 200
"""Letters of the place, the problem and the remedy of a message, each of which may quote what somebody else wrote, and
of a name for which others like it are looked for."""
_KEPT = frozenset("\n\t")


class ZooError(Exception):
    """An expected failure, reported in one message without a traceback.

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
        """Return the message, cut to a readable length, without control characters."""
        where, problem, remedy = (
            cut(str(part or ""), _LONGEST_PART) for part in (self.where, self.problem, self.remedy)
        )
        text = f"{where}: {problem}" if where else problem
        return printable(f"{text}\n{remedy}" if remedy else text)


class InputError(ZooError, ValueError):
    """A request is not valid."""

    exit_status = 2


class RecipeError(InputError):
    """A recipe, a spec or an override is not valid."""


class ComponentError(InputError):
    """A component is unknown, badly configured, broken, or does not fit the others."""


class NotApplicableError(ComponentError):
    """A metric, a figure or an operation does not apply to a model or its data; the problem says why.

    Checks raise it, so that the reason is worded once. Code that handles a request by name does not catch it; code that
    uses everything that applies calls :func:`why_not`.
    """


class DataError(InputError):
    """Data cannot be read or found, or are not what the model or the recipe needs."""


class CheckpointError(InputError):
    """A checkpoint or run directory is absent, damaged, or of another shape."""


class RunError(InputError):
    """A run directory is in the way, in use, or does not belong to this recipe."""


class TrainingError(ZooError):
    """Training could not continue; the last good checkpoint is kept."""


class NotFiniteError(TrainingError):
    """A model computes values that are not finite: its training diverged, or its weights were never trained."""


class OtherProcessError(TrainingError):
    """Another process of the run failed, and has said why."""


class ZooWarning(UserWarning):
    """Something was left out, such as a broken plug-in, or looks like a mistake; the rest continues."""


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


class UnusableModelWarning(ZooWarning):
    """A model with weights that are NaN or infinite was loaded or saved; its outputs are meaningless."""


def printable(text: str) -> str:
    r"""Return a text in which control characters are written as escapes; line breaks and tabs stay.

    Text from a file or a server may hold characters that clear the screen, forge output or reverse the direction of
    what follows.

    Example:
        >>> printable("clear \x1b[2J\n")
        'clear \\x1b[2J\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if is_harmless(letter) else ascii(letter)[1:-1] for letter in text)


def is_harmless(letter: str) -> bool:
    """Whether a terminal shows a letter rather than obeying it."""
    return letter in _KEPT or letter.isprintable() or unicodedata.category(letter) == "Zs"


def cut(text: str, length: int) -> str:
    """Return a text of at most ``length`` characters, with an ellipsis where it was longer.

    Example:
        >>> cut("abcdef", 4)
        'abc…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


@contextlib.contextmanager
def located(where: str) -> Iterator[None]:
    """Prefix the place that an error names with the current file or object."""
    try:
        yield
    except ZooError as error:
        error.where = f"{where}: {error.where}" if error.where else where
        raise


_MOST_NAMES, _MOST_WITHOUT_COMMAND, _FEW_NAMES = 12, 60, 6
"""How many names an error lists where a command lists all, and where none does; of more than that, only a few."""
_MOST_COMPARED = 5000
"""How many names are searched for one similar to an unknown one, which is slow: a file may have a million."""


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return ``"Did you mean 'x'? "`` for the known name nearest to ``name``, or an empty string.

    Upper and lower case are the same. A name that begins with ``name-`` or ends with ``.name`` comes before similar
    names.

    Args:
        likeness: the smallest similarity of a suggestion, from 0 to 1 for the same name.

    Example:
        >>> nearest("AdamW", ["adam", "adamw"]), nearest("ae", ["vae", "ae-mlp"]), nearest("colour", ["conv"])
        ("Did you mean 'adamw'? ", "Did you mean 'ae-mlp'? ", '')
        >>> nearest("Digits", ["digits-ae", "digits"]), nearest("", ["-x"])
        ("Did you mean 'digits'? ", '')
    """
    wanted, names = name.casefold(), {each.casefold(): each for each in known}
    match = [wanted] if wanted in names else []
    if wanted and not match:
        beginning, end = f"{wanted}-", f".{wanted}"  # made once: the name may be long, and the known ones many
        match = [each for each in names if each.startswith(beginning) or each.endswith(end)]
    if not match:
        few = itertools.islice(names, _MOST_COMPARED)
        match = difflib.get_close_matches(wanted[:_LONGEST_NAME], few, n=1, cutoff=likeness)
    return f"Did you mean {names[match[0]]!r}? " if match else ""


def unknown_name(what: str, name: str, known: Iterable[str], lists: str = "") -> tuple[str, str]:
    """Return the problem and the remedy for a name that is not among the known ones: of many, the nearest.

    Args:
        lists: a command that lists all of them; without one, up to 60 names are listed.

    Example:
        >>> unknown_name("split", "tset", ["train", "test"])[1]
        "Did you mean 'test'? Available: test, train."
        >>> unknown_name("prior", "c9", [f"c{n:02}" for n in range(40)], "zoo-cli list prior")[1]
        "Did you mean 'c39'? Available: c09, c19, c29, c39 and 36 more; `zoo-cli list prior` lists them."
    """
    names = sorted(known)
    shown = ", ".join(names) or "none"
    if len(names) > (_MOST_NAMES if lists else _MOST_WITHOUT_COMMAND):
        folded = {each.casefold(): each for each in names[:_MOST_COMPARED]}
        similar = difflib.get_close_matches(name[:_LONGEST_NAME].casefold(), folded, n=_FEW_NAMES, cutoff=0.5)
        few = sorted(folded[each] for each in similar) or names[:_FEW_NAMES]
        shown = f"{', '.join(few)} and {len(names) - len(few):,} more"
        shown += f"; `{lists}` lists them" if lists else ""
    return f"unknown {what} {name!r}", f"{nearest(name, names)}Available: {shown}."
