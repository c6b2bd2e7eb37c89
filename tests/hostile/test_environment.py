"""Environment variables with values that make no sense: one message that names the variable, or none at all."""

from __future__ import annotations

import os
import threading

import pytest

from tests.processes import run as run_python
from zoo.cli._environment import environment_error, is_additional_process
from zoo.errors import InputError
from zoo.registry.imports import _allowed_seconds
from zoo.utils.console import ProgressConsole


@pytest.mark.parametrize("value", ["\u00b2", "", "0", "-5", "1e3", "9" * 400, "99999999999", "wide", "\x1b[2J"])
@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
def test_the_size_of_a_terminal_is_a_possible_one(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    size = ProgressConsole().size
    assert 0 < size.width <= 1000
    assert 0 < size.height <= 1000


def test_the_size_that_the_environment_states_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "93")
    monkeypatch.setenv("LINES", "7")
    assert tuple(ProgressConsole().size) == (93, 7)


@pytest.mark.parametrize(
    ("value", "seconds"), [("nan", 30), ("many", 30), ("", 30), ("-1", 0), ("-inf", 0), ("inf", None), ("1e300", None)]
)
def test_the_seconds_of_an_import_are_a_time_that_can_be_waited(
    value: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_IMPORT_SECONDS", value)
    assert _allowed_seconds() == (threading.TIMEOUT_MAX if seconds is None else seconds)


REFUSAL = "Key backend: 'no such backend' is not a valid value"


def raised(module: str) -> ValueError:
    """Return an error that was raised in a module of some name."""
    with pytest.raises(ValueError, match="backend") as caught:
        exec("def call(text):\n    raise ValueError(text)\ncall(text)", {"__name__": module, "text": REFUSAL})
    return caught.value


def test_an_error_of_a_library_about_a_variable_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "no such backend")
    message = environment_error(raised("matplotlib.rcsetup"))
    assert message is not None
    assert message.startswith(
        "the environment variable MPLBACKEND has the value 'no such backend', which a library refuses: "
    )
    assert environment_error(raised("zoo.figures")) is None, "a fault of the package is not one of the environment"
    monkeypatch.setenv("MPLBACKEND", "another")
    assert environment_error(raised("matplotlib.rcsetup")) is None


def test_numbers_of_a_launcher_are_not_blamed_for_every_message_with_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "http_proxy": ""}.items():
        monkeypatch.setenv(name, value)
    for error in (KeyError("0"), ValueError("invalid literal for int() with base 10: ''")):
        with pytest.raises((KeyError, ValueError)) as caught:
            exec("raise error", {"__name__": "library", "error": error})
        assert environment_error(caught.value) is None


@pytest.mark.parametrize(
    ("rank", "count", "expected"),
    [("0", "2", False), ("1", "2", True), ("1", "1", False), ("first", "2", None), ("7", "-2", None),
     ("7", "few", None),
     ("2", "2", None), ("\u00b2", "5", None), ("1", "9" * 5000, None), ("", "2", None)],
)  # fmt: skip
def test_a_process_that_no_launcher_started_is_not_silent(
    rank: str, count: str, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", count)
    if expected is not None:
        assert is_additional_process() == expected
        return
    with pytest.raises(InputError, match="expected the number of a process, below the number of processes, got RANK="):
        is_additional_process()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="streams and folders of POSIX")
@pytest.mark.parametrize("name", ["nothing is set", "numbers that are none"])
def test_commands_in_an_environment_that_makes_no_sense(name: str) -> None:
    """Every environment by hand: ``python -m tests.hostile.environments``."""
    done = run_python("-m", "tests.hostile.environments", name, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
