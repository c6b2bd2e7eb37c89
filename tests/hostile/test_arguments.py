"""Arguments of wrong types from Python: an error that says what was expected, for every public function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zoo
from zoo.errors import ZooError
from zoo.model import Model
from zoo.runs.run import Run

X = np.random.default_rng(0).normal(size=(12, 4)).astype("f4")
SPEC = {"preset": "vae-mlp-2d", "likelihood": "gaussian", "encoder": {"widths": [4]}, "decoder": {"widths": [4]}}
NOTHING: dict[str, Any] = {"metrics": [], "figures": []}
RECIPE = {"name": "t", "model": SPEC, "data": {"name": "gaussian_mixture", "size": 60}, "train": {"epochs": 1}}
WRONG: dict[str, Any] = {
    "None": None, "a negative number": -1, "not a number": float("nan"), "a huge number": 10**30, "bytes": b"x",
    "a set": {1, 2}, "an object": object(), "a class": dict, "numbers": [1, 2], "a mapping": {"a": 1}, "a text": "no\0",
    "complex numbers": np.ones((3, 4), complex), "objects": np.array([object()] * 3), "no rows": np.zeros((0, 4), "f4"),
    "rows of two lengths": [[1.0], [1.0, 2.0]], "a function": len,
}  # fmt: skip
SLOW = {"fit", "train", "fit_prior", "export", "explore", "Estimator", "sweep"}
"""Functions that take a second where an argument is good after all: every third value is tried."""
NEED_MORE = {"Model", "ModelSpec", "Recipe", "ZooError", "__version__", "pull", "push", "list_hub_models"}
"""What is no function, or is tested with a Hub in `tests/hub`."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("arguments")
    return zoo.fit(X, SPEC, epochs=1, quiet=True, out=folder / "run", evaluation=NOTHING)


@pytest.fixture
def good(run: Run, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Arguments with which a function works."""
    places = (tmp_path / str(number) for number in range(10_000))
    known: dict[str, Callable[[], dict[str, Any]]] = {
        "Estimator": lambda: {"model": SPEC},
        "build": lambda: {"model": SPEC, "data_shape": (4,)},
        "evaluate": lambda: {"model": run.model, "data": X, "metrics": ["mse"]},
        "explore": lambda: {"model": run.model, "data": X},
        "export": lambda: {"model": run.model, "directory": next(places), "format": "pt2"},
        "fit": lambda: {"x": X, "model": SPEC, "epochs": 1, "quiet": True, "out": next(places), "evaluation": NOTHING},
        "fit_prior": lambda: {"model": run.model, "data": X, "prior": "gaussian", "quiet": True},
        "load": lambda: {"model": run.path},
        "load_data": lambda: {"spec": X},
        "load_recipe": lambda: {"recipe": RECIPE},
        "register": lambda: {"kind": "prior", "name": "mine"},
        "sweep": lambda: {
            "recipe": {**RECIPE, "evaluate": NOTHING},
            "metric": "validation.elbo",
            "quiet": True,
            "out": next(places),
        },
        "save": lambda: {"model": run.model, "directory": next(places)},
        "train": lambda: {"recipe": {**RECIPE, "evaluate": NOTHING}, "out": next(places)},
    }
    small = {"model": run.model, "data": X}
    fewest = {"score": {"num_samples": 2}, "impute": {"num_samples": 2}}
    return lambda name: (
        known[name]() if name in known else {} if name.startswith("list_") else {**small, **fewest.get(name, {})}
    )


def parameters(function: Callable[..., Any]) -> list[str]:
    each = inspect.signature(function).parameters.values()
    return [
        parameter.name for parameter in each if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def says_what_was_expected(error: TypeError) -> bool:
    """Whether a message is about the argument, and not that of Python about one that the function does not have."""
    return "expected" in str(error) and "unexpected keyword" not in str(error)


def cases() -> Iterator[tuple[str, str]]:
    for name in sorted(set(zoo.__all__) - NEED_MORE):
        yield from ((name, parameter) for parameter in parameters(getattr(zoo, name)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "parameter"), list(cases()))
def test_an_argument_of_a_wrong_type_is_named(
    name: str, parameter: str, good: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = list(WRONG.items())[len(parameter) % 3 :: 3] if name in SLOW else list(WRONG.items())
    annotation = str(inspect.signature(getattr(zoo, name)).parameters[parameter].annotation)
    found = []
    for what, value in values:
        if ("Callable" in annotation and callable(value)) or ("None" in annotation and value is None):
            continue  # it is of a right type, and a training that is as long as None says may take minutes
        try:
            getattr(zoo, name)(**{**good(name), parameter: value})
        except ZooError as error:
            if len(str(error)) > 5000:
                found.append(f"{what}: a message of {len(str(error))} letters")
        except TypeError as error:
            if not says_what_was_expected(error):
                found.append(f"{what}: TypeError: {error}")
        except OSError as error:
            if not error.filename:
                found.append(f"{what}: {error!r}")
        except Exception as error:
            found.append(f"{what}: {error!r}")
    assert not found, "\n".join(found)


METHODS = {
    "sample": {"n": 2}, "log_likelihood": {"x": torch.zeros(2, 4), "num_samples": 2},
    "impute": {"x": torch.zeros(2, 4), "num_samples": 2}, "encode": {"x": torch.zeros(2, 4)},
    "decode": {"z": torch.zeros(2, 2)}, "reconstruct": {"x": torch.zeros(2, 4)}, "loss": {"x": torch.zeros(2, 4)},
    "preprocess": {"raw": X}, "postprocess": {"x": torch.zeros(2, 4)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "parameter"), [(n, p) for n in METHODS for p in parameters(getattr(Model, n))[1:]])
def test_an_argument_of_a_method_of_a_wrong_type_is_named(name: str, parameter: str, run: Run) -> None:
    found = []
    for what, value in WRONG.items():
        try:
            getattr(run.model, name)(**{**METHODS[name], parameter: value})
        except (ZooError, TypeError) as error:
            if isinstance(error, TypeError) and not says_what_was_expected(error):
                found.append(f"{what}: TypeError: {error}")
        except Exception as error:
            found.append(f"{what}: {error!r}")
    assert not found, "\n".join(found)
