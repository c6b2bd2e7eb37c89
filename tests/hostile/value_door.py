"""A door for data in memory: the bytes of a file decide on a value, and its name on the function that gets it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas

import zoo
from tests.hostile.values import value_of
from zoo.errors import ZooError

GOOD = b"the bytes of a good value"
Use = Callable[[random.Random, Any], object]


class ValueDoor:
    """Gives values to the functions of the package that take data in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "values"
        self._settings: dict[str, Any] = {
            "epochs": 1,
            "quiet": True,
            "evaluation": {"metrics": ["mse"], "figures": []},
        }
        self._rows = np.random.default_rng(0).normal(size=(24, 4)).astype("f4")
        table = pandas.DataFrame(self._rows, columns=list("abcd")).assign(kind=list("uvw") * 8)
        self._models = [
            self._fit(self._rows, "vae-mlp-2d", likelihood="gaussian"),
            self._fit(table, "vae-mlp-2d"),
            zoo.load("vae-mlp-2d.digits"),
        ]
        given: dict[str, Any] = {"fields": {"likelihood": "gaussian"}, "epochs": 1, "random_state": 0}
        self._estimator = zoo.Estimator("vae-mlp-2d", **given).fit(self._rows)
        self._uses: dict[str, tuple[Use, Any]] = {
            "load": (lambda source, value: zoo.load_data(value), self._rows),
            "labels": (lambda source, value: zoo.load_data(self._rows, y=value), np.arange(24) % 3),
            "fit": (self._fit_with, self._rows),
            "score": (lambda source, value: zoo.score(self._model(source), value, num_samples=2), self._rows),
            "embed": (lambda source, value: zoo.embed(self._model(source), value), self._rows),
            "reconstruct": (lambda source, value: zoo.reconstruct(self._model(source), value), self._rows),
            "impute": (lambda source, value: zoo.impute(self._model(source), value, num_samples=2), self._rows),
            "mask": (lambda source, value: zoo.impute(self._models[0], self._rows, mask=value), self._rows > 0),
            "evaluate": (lambda source, value: zoo.evaluate(self._model(source), value, ["mse"]), self._rows),
            "preprocess": (lambda source, value: self._model(source).preprocess(value), self._rows),
            "estimator": (lambda source, value: zoo.Estimator(**given).fit(value), self._rows),
            "transform": (lambda source, value: self._estimator.transform(value), self._rows),
            "score_samples": (lambda source, value: self._estimator.score_samples(value), self._rows[:2]),
            "inverse": (lambda source, value: self._estimator.inverse_transform(value), self._rows[:, :2]),
            "rows": (lambda source, value: self._estimator.impute(value), self._rows[:2]),
        }

    @property
    def seeds(self) -> dict[str, bytes]:
        """Contents for which each function gets a good value, by the names of the files."""
        return dict.fromkeys(self._uses, GOOD)

    def read(self, path: Path) -> object:
        """Make a value from a content, and give it to a function."""
        use, good = self._uses[path.name]
        content = path.read_bytes()
        source = random.Random(content)
        value = good if content == GOOD else value_of(source)
        try:
            return use(source if content != GOOD else _First(), value)
        except ZooError:
            raise
        except (TypeError, ValueError) as error:
            if _is_expected(error.__traceback__):
                return error
            raise

    def _model(self, source: random.Random) -> Any:
        return source.choice(self._models)

    def _fit_with(self, source: random.Random, value: Any) -> object:
        own: list[dict[str, Any]] = [{"likelihood": "gaussian"}, {}]
        preset = source.choice(["vae-mlp-2d", "ae-mlp-2d", "cvae-mlp-2d", "vae-table-8d"])
        return self._fit(value, preset, **source.choice(own))

    def _fit(self, value: Any, preset: str, **fields: Any) -> Any:
        self._folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            return zoo.fit(value, preset, out=out, **self._settings, **fields).model


class _First(random.Random):
    """Chooses the first of everything."""

    def choice(self, among: Any) -> Any:
        """Return the first entry."""
        return among[0]


def _is_expected(trace: TracebackType | None) -> bool:
    """Whether scikit-learn's check of rows raised an error, or the package's own check of types of arguments."""
    modules = []
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    return modules[-1] == "zoo.utils.arguments" or any(module.startswith("sklearn.") for module in modules)
