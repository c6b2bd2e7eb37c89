"""Doors for files of runs and sweeps, and for what is said of them on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import zoo
from tests.hostile.conftest import QUICK
from zoo.evaluation.record import load_record
from zoo.evaluation.tables import metrics_table
from zoo.figures.loss import plot_loss
from zoo.hub.locate import locate
from zoo.runs.changes import notes_on_changes
from zoo.runs.directory import RunDirectory
from zoo.runs.initial import spec_of_model
from zoo.runs.plan import make_plan
from zoo.spec.resolve import load_recipe
from zoo.sweeps.axes import Range, choices_of, one_at_a_time, parse_grid
from zoo.sweeps.check import Recipes, check_values
from zoo.sweeps.directory import SPEC, TRIALS, SweepDirectory
from zoo.sweeps.results import Sweep, SweepRun, read_run
from zoo.sweeps.search import OptunaSearch

DATA = "data={name: digits, subset: 40}"
Read = Callable[[Path], object]
Door = tuple[str, dict[str, bytes], Read]
"""A name, files that are good, and what reads one of them."""


class RunDoors:
    """Copies of one run and one sweep, of which one file is another."""

    def __init__(self, folder: Path) -> None:
        self.run = zoo.train("digits", out=folder / "run", overrides=[*QUICK, "data.subset=40"], quiet=True).path
        (self.run / "changes.jsonl").write_text(
            '{"field": "train.optimizer.lr", "before": 0.001, "after": 0.1, "epoch": 1}\n' * 2
        )
        grid = {"model.latent_dim": [1, 2], "train.optimizer.lr": "log(1e-4,1e-2)"}
        # A sweep of runs that are copies: its own files are what is read.
        self.sweep = folder / "sweep"
        self.sweep.mkdir()
        spec = {
            "recipe": {"name": "digits", "model": "vae-mlp-2d", "data": {"name": "digits"}},
            "overrides": [],
            "grid": {
                key: axis if isinstance(axis, list) else axis.model_dump(mode="json")
                for key, axis in parse_grid(grid).items()
            },
            "seeds": [0, 1],
            "search": {"name": "optuna", "trials": 2, "seed": 0},
            "metric": {"name": "validation.loss", "better": "lower"},
        }
        (self.sweep / SPEC).write_text(json.dumps(spec, indent=1))
        trials = [{"model.latent_dim": size, "train.optimizer.lr": 0.001} for size in (1, 2)]
        (self.sweep / TRIALS).write_text("".join(json.dumps(trial) + "\n" for trial in trials))

    def doors(self) -> list[Door]:
        """Return the doors."""
        names = ("evaluation.json", "metrics.jsonl", "changes.jsonl", "recipe.yaml")
        initial = ("config.json", "model.safetensors")
        return [
            ("run", {name: (self.run / name).read_bytes() for name in names}, self._read_run),
            ("initial", {name: (self.run / name).read_bytes() for name in initial}, self._read_initial),
            ("change", {"change": b"train.optimizer.lr=0.002", "group": b"train.clip_norm=1e3"}, self._change),
            ("sweep", {name: (self.sweep / name).read_bytes() for name in (SPEC, TRIALS)}, self._read_sweep),
            ("run of a sweep", {name: (self.run / name).read_bytes() for name in names[:2]}, self._read_run_of_sweep),
            ("grid", {"choices": b"model.latent_dim=1,[2],3e0,{a: b}", "range": b"train.lr=log(1e-4,0.1)"}, _grid),
            ("grid that is checked", {"grid": b"train.optimizer.lr=0.1,1e-3"}, _checked_grid),
        ]

    def _copy(self, source: Path, changed: Path) -> Path:
        target = changed.parent / "changed"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("figures", "state", "last", "checkpoints"))
        shutil.copyfile(changed, target / changed.name)
        return target

    def _read_run(self, changed: Path) -> object:
        """Read what `zoo-cli show`, `plot`, `report` and `train --resume` read of a run."""
        folder = self._copy(self.run, changed)
        directory = RunDirectory(folder)
        history = directory.training.read_metrics()
        if history:
            plot_loss(history, lambda term: None)
        record = load_record(folder / "evaluation.json")
        notes_on_changes(folder)
        directory.read_recipe()
        return None if record is None else metrics_table(record, "a run")

    def _read_initial(self, changed: Path) -> object:
        """Plan a run that begins with a model whose files were changed."""
        folder = self._copy(self.run, changed)
        spec_of = lambda name: spec_of_model(name, locate)  # noqa: E731
        recipe = load_recipe(
            {"name": "again", "init": str(folder), "data": {"name": "digits"}}, [DATA], spec_of=spec_of
        )
        return make_plan(recipe, lambda text: None, locate=locate)

    def _change(self, path: Path) -> object:
        """Resume a finished run with a change, as far as its plan; a change that is taken begins no epoch."""
        text = path.read_bytes().decode("utf-8", "replace")
        target = path.parent / "changed"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.run, target, ignore=shutil.ignore_patterns("changes.jsonl"))
        return zoo.train(target / "recipe.yaml", out=target, resume=True, changes=[text], quiet=True)

    def _read_sweep(self, changed: Path) -> object:
        """Read what `zoo-cli sweep --resume` reads of a sweep, and propose a combination."""
        directory = SweepDirectory(self._copy(self.sweep, changed))
        spec = directory.read_spec()
        spec.continued_by(spec, "sweep")
        trials = directory.read_trials(spec.grid)
        names = [spec.run_name(choice, seed) for choice in trials for seed in spec.seeds[:3]]
        if spec.search.name == "optuna":
            known = [(choice, 1.0) for choice in trials]
            OptunaSearch(spec.grid, spec.metric.better, spec.search.seed).propose(known, 1)
        return names

    def _read_run_of_sweep(self, changed: Path) -> object:
        """Compare the runs of a sweep, one of which has another evaluation or other metrics."""
        folder = changed.parent / "swept"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.sweep, folder)
        directory = SweepDirectory(folder)
        spec = directory.read_spec()
        trials = directory.read_trials(spec.grid)
        runs = [SweepRun(f"{place}", choice, 0, folder / "runs" / f"{place}") for place, choice in enumerate(trials)]
        for run in runs:
            shutil.copytree(self.run, run.path, ignore=shutil.ignore_patterns("figures", "state", "last", "*.safe*"))
        shutil.copyfile(changed, runs[0].path / changed.name)
        for run in runs:
            read_run(directory, spec, run)
        found = Sweep(folder, spec, runs)
        return found.table.to_text("a sweep"), found.to_csv(), json.dumps(found.to_dict()), found.best


def _grid(path: Path) -> object:
    axes = parse_grid([path.read_bytes().decode("utf-8", "replace")])
    return one_at_a_time(axes) if any(isinstance(axis, Range) for axis in axes.values()) else choices_of(axes)


def _checked_grid(path: Path) -> object:
    text = path.read_bytes().decode("utf-8", "replace")
    axes = parse_grid([text])
    recipes = Recipes("digits", [DATA], list(axes), None, locate)
    return check_values(recipes, axes, None, lambda note: None)
