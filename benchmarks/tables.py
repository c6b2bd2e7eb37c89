"""Tables: missing values filled in, anomalies scored and rows embedded, beside the usual methods of scikit-learn.

python -m benchmarks tables
python -m benchmarks tables --tables wine penguins --seeds 1 --epochs 50

The tables come inside scikit-learn and palmerpenguins (`pip install -e '.[bench]'`); nothing is downloaded. Figures are
means over the seeds, with standard deviations behind them. Each seed has splits, hidden values and initial weights of
its own; all methods see the same.

impute: of all values of the table, 30 % are hidden at random; each method is fitted to what is left and fills in the
hidden numbers, whose root mean square error is in standard deviations of their columns. scikit-learn's methods see
categories as columns of 0 and 1.
score: the rows of the rarest class are anomalies. Methods are fitted to 70 % of the others; ROC AUC of telling the
other 30 % from the anomalies.
embed: methods are fitted to 70 % of the rows without their classes; accuracy of a logistic regression on 8 numbers of
each row, on the other 30 %.
"""

from __future__ import annotations

import argparse
import importlib.resources
import statistics
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - which makes the next import possible
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zoo
from benchmarks._measure import write

TABLES = ("wine", "breast_cancer", "diabetes", "penguins")
HIDDEN, TRAINED, LATENTS = 0.3, 0.7, 8
Scores = dict[str, float]


def main(arguments: list[str]) -> None:
    """Measure all three on each table, and print a row of Markdown for each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks tables", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="which tables")
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds (%(default)s)")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of each training (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    tasks: dict[str, Callable[[pd.DataFrame, pd.Series | None, int, int], Scores]] = {
        "impute": impute,
        "score": score,
        "embed": embed,
    }
    figures: dict[str, Any] = {}
    for task, measure in tasks.items():
        heading = None
        for name in options.tables:
            frame, classes = load(name)
            if classes is None and task != "impute":
                continue
            runs = [measure(frame, classes, seed, options.epochs) for seed in range(options.seeds)]
            found = {method: [run[method] for run in runs] for method in runs[0]}
            figures.setdefault(task, {})[name] = found
            if heading is None:
                heading = f"| {task} | {' | '.join(found)} |"
                print(f"\n{heading}\n|---|{'---|' * len(found)}", flush=True)
            print(f"| {name} | {' | '.join(_shown(values) for values in found.values())} |", flush=True)
    write({"settings": {key: str(value) for key, value in vars(options).items()}, "figures": figures}, options.out)


def _shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def load(name: str) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return the columns of a table and the class of each row."""
    if name == "penguins":
        with importlib.resources.as_file(importlib.resources.files("palmerpenguins") / "data/penguins.csv") as path:
            frame = pd.read_csv(path)
        return frame.drop(columns="species"), frame["species"]
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    if name == "diabetes":
        return bunch.frame, None
    return bunch.data, bunch.target.map(dict(enumerate(map(str, bunch.target_names))))


def fit(frame: pd.DataFrame, preset: str, seed: int, epochs: int, **fields: Any) -> Any:
    """Return a model that is trained on all rows but a tenth, by which the best epoch is chosen."""
    with tempfile.TemporaryDirectory() as folder:
        run = zoo.fit(
            frame,
            preset,
            seed=seed,
            epochs=epochs,
            data={"test": 0.0, "validation": 0.1, "split_seed": seed},
            training={"batch_size": 32, "optimizer": {"name": "adam", "lr": 2e-3}, "schedule": "cosine"},
            evaluation={"metrics": [], "figures": []},
            out=Path(folder) / "run",
            quiet=True,
            **fields,
        )
    return run.model


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns as scikit-learn takes them: categories as columns of 0 and 1, NaN where one is missing."""
    parts = []
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            parts.append(column.astype(float).rename(str(name)))
        else:
            parts.append(pd.get_dummies(column, prefix=name, dtype=float).where(column.notna()))
    return pd.concat(parts, axis=1)


def impute(frame: pd.DataFrame, classes: pd.Series | None, seed: int, epochs: int) -> Scores:
    """Return the error of hidden numbers for each method."""
    generator = np.random.default_rng(seed)
    hidden = (generator.random(frame.shape) < HIDDEN) & frame.notna().to_numpy()
    seen = frame.mask(hidden)
    measured = [str(name) for name, column in frame.items() if pd.api.types.is_numeric_dtype(column)]
    chosen = hidden[:, [frame.columns.get_loc(name) for name in measured]]
    truth = frame[measured].to_numpy(float)
    spread = np.nanstd(truth, axis=0)
    shown = numbers(seen)
    scaled = StandardScaler().fit(shown)

    def error(filled: np.ndarray) -> float:
        return float(np.sqrt(np.square((filled - truth) / spread)[chosen].mean()))

    def of(method: Any) -> float:
        filled = scaled.inverse_transform(method.fit_transform(scaled.transform(shown)))
        return error(pd.DataFrame(filled, columns=shown.columns)[measured].to_numpy())

    model = fit(seen, "iwae-table-8d", seed, epochs)
    made = model.postprocess(model.impute(model.preprocess(seen), num_samples=1000))
    return {
        "mean": of(SimpleImputer()),
        "5 nearest neighbours": of(KNNImputer(n_neighbors=5)),
        "iterative imputation": of(IterativeImputer(random_state=seed, max_iter=20)),
        "`iwae-table-8d`": error(made[measured].to_numpy(float)),
    }


def score(frame: pd.DataFrame, classes: pd.Series | None, seed: int, epochs: int) -> Scores:
    """Return the ROC AUC of anomalies, the rows of the rarest class, for each method."""
    assert classes is not None
    rarest = classes.value_counts().index[-1]
    usual, strange = frame[classes != rarest], frame[classes == rarest]
    train, test = train_test_split(usual, train_size=TRAINED, random_state=seed)
    both = pd.concat([test, strange])
    truth = np.r_[np.zeros(len(test)), np.ones(len(strange))]
    prepare = make_pipeline(SimpleImputer(), StandardScaler()).fit(numbers(train))
    columns = numbers(train).columns
    x, y = prepare.transform(numbers(train)), prepare.transform(numbers(both).reindex(columns=columns, fill_value=0.0))
    projection = PCA(min(LATENTS, x.shape[1] // 2), random_state=seed).fit(x)
    distance = np.square(y - projection.inverse_transform(projection.transform(y))).sum(1)
    model = fit(train, "vae-table-8d", seed, epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zoo.errors.ZooWarning)  # a category that only the anomalies have
        found = zoo.score(model, both, num_samples=200, seed=seed)["log_likelihood"]
    return {
        "PCA": float(roc_auc_score(truth, distance)),
        "isolation forest": float(roc_auc_score(truth, -IsolationForest(random_state=seed).fit(x).score_samples(y))),
        "`vae-table-8d`": float(roc_auc_score(truth, -found)),
    }


def embed(frame: pd.DataFrame, classes: pd.Series | None, seed: int, epochs: int) -> Scores:
    """Return the accuracy of a linear probe for each method."""
    assert classes is not None
    train, test, train_y, test_y = train_test_split(
        frame, classes, train_size=TRAINED, random_state=seed, stratify=classes
    )
    columns = numbers(train).columns
    prepare = make_pipeline(SimpleImputer(), StandardScaler()).fit(numbers(train))
    x, y = (prepare.transform(numbers(part).reindex(columns=columns, fill_value=0.0)) for part in (train, test))

    def accuracy(of_train: np.ndarray, of_test: np.ndarray) -> float:
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(of_train, train_y)
        return float(probe.score(of_test, test_y))

    projection = PCA(min(LATENTS, x.shape[1]), random_state=seed).fit(x)
    model = fit(train, "vae-table-8d", seed, epochs)
    codes = [zoo.embed(model, part)["z"] for part in (train, test)]
    return {
        "all columns": accuracy(x, y),
        "PCA": accuracy(projection.transform(x), projection.transform(y)),
        "`vae-table-8d`": accuracy(*codes),
    }
