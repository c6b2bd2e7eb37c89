"""Means, deviations, the best combination and differences by seed, of numbers that are known."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest

from zoo.errors import RunError
from zoo.sweeps.axes import Choice
from zoo.sweeps.figure import plot_sweep
from zoo.sweeps.results import Sweep, SweepRun
from zoo.sweeps.spec import MetricSpec, SearchSpec, SweepSpec

VALUES = {1: (3.0, 5.0, 4.0), 2: (2.0, 3.0, 4.0), 3: (9.0,)}
"""The error of a width with each seed; of the last, two runs failed."""


def spec(**changes: object) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "recipe": {"name": "r", "train": {"epochs": 2}},
            "grid": {"model.encoder.width": [1, 2, 3]},
            "seeds": [0, 1, 2],
            "metric": {"name": "mse", "better": "lower"},
            **changes,
        }
    )


def sweep_of(values: dict[int, tuple[float, ...]], *, rates: bool = False) -> Sweep:
    runs = []
    for width, numbers in values.items():
        for seed in range(3):
            run = SweepRun(f"width={width},seed={seed}", Choice({"model.encoder.width": width}), seed, Path("x"))
            if seed < len(numbers):
                metrics = {
                    "mse": numbers[seed],
                    **({"kl": 5.0 / width, "reconstruction": 10.0 + width} if rates else {}),
                }
                run.state, run.record = "done", {"metrics": metrics, "details": {"mse": {"better": "lower"}}}
            else:
                run.state, run.problem = "failed", "the loss is not finite"
            runs.append(run)
    return Sweep(Path("x"), spec(), runs)


def test_a_combination_has_the_mean_and_the_deviation_of_its_seeds():
    found = sweep_of(VALUES)
    first, second, third = found.table.row("mse", "test").entries
    assert (first.value, first.error) == (4.0, 1.0)
    assert (second.value, second.error) == (3.0, 1.0)
    assert (third.value, third.error) == (9.0, None)
    assert found.best == "width=2"
    assert [run.seed for run in found.failed] == [1, 2]
    assert repr(found) == "Sweep('x': 7 of 9 runs done, best width=2)"


def test_a_combination_that_failed_with_some_seeds_is_best_only_if_all_did():
    assert sweep_of({1: (5.0, 5.0, 5.0), 2: (1.0, 1.0)}).best == "width=1"
    assert sweep_of({1: (5.0,), 2: (1.0, 1.0)}).best == "width=2"


@pytest.mark.parametrize("values", [{1: (5.0, 5.0, 5.0), 2: (1.0, 1.0)}, {1: (5.0,), 2: (1.0, 1.0)}, VALUES])
def test_the_table_marks_the_combination_that_is_called_the_best(values):
    found = sweep_of(values)
    assert {found.table.columns[column] for column in found.table.row("mse", "test").best()} == {found.best}
    assert found.table.columns[found.table.order("mse")[0]] == found.best


def test_differences_are_taken_seed_by_seed():
    """The seeds differ more than the combinations: 3 − 2, 5 − 3 and 4 − 4 have the mean 1 and the deviation 1."""
    first, second, third = sweep_of(VALUES).differences.row("mse", "test").entries
    assert (first.value, first.error, first.values) == (1.0, 1.0, {"0": 1.0, "1": 2.0, "2": 0.0})
    assert second is None
    assert (third.value, third.error) == (7.0, None)


def test_files_hold_the_same_numbers():
    found = sweep_of(VALUES)
    document = found.to_dict()
    assert [cell["metrics"]["mse"]["mean"] for cell in document["cells"]] == [4.0, 3.0, 9.0]
    assert document["cells"][0]["differences"]["mse"]["by_seed"] == {"0": 1.0, "1": 2.0, "2": 0.0}
    assert document["cells"][2]["runs"][1] == {
        "seed": 1, "path": "runs/width=3,seed=1", "state": "failed", "problem": "the loss is not finite"
    }  # fmt: skip
    head, *lines = csv.reader(io.StringIO(found.to_csv()))
    assert head == ["width", "mse", "mse_standard_deviation"]
    assert lines == [["1", "4.0", "1.0"], ["2", "3.0", "1.0"], ["3", "9.0", ""]]


def test_a_field_that_is_called_like_a_metric_keeps_its_values_in_the_table():
    changed = spec(grid={"model.objective.mse": [1, 2]})
    runs = [
        SweepRun(
            f"{value}", Choice({"model.objective.mse": value}), 0, Path("x"), "done", None, {"metrics": {"mse": 9.0}}
        )
        for value in (1, 2)
    ]
    head, *lines = csv.reader(io.StringIO(Sweep(Path("x"), changed, runs).to_csv()))
    assert head == ["model.objective.mse", "mse"]
    assert lines == [["1", "9.0"], ["2", "9.0"]]


def test_a_run_with_many_fields_has_a_name_that_a_file_system_takes():
    many = spec(grid={f"model.encoder.a_field_with_the_number_{n}": [0, 1] for n in range(20)})
    first, second = (
        many.run_name(Choice({**dict.fromkeys(many.grid, 0), "model.encoder.a_field_with_the_number_19": last}), 0)
        for last in (0, 1)
    )
    assert first != second
    assert len(first) < 220


def test_a_sweep_without_a_number_has_no_best_and_no_figure():
    assert sweep_of({1: (math.nan,)}).best is None
    assert plot_sweep(sweep_of({1: ()})) is None


def test_the_figure_shows_values_differences_and_where_measured_rates():
    figure = plot_sweep(sweep_of(VALUES))
    assert [axes.get_ylabel() for axes in figure.axes] == ["mse", "difference from width=2, by seed"]
    rates = plot_sweep(sweep_of({1: (3.0, 5.0, 4.0), 2: (2.0, 3.0, 4.0)}, rates=True)).axes[2]
    line = next(line for line in rates.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2)
    assert [*line.get_xdata()] == [5.0, 2.5], "in the order of the widths"
    assert [*line.get_ydata()] == [11.0, 12.0]
    assert {text.get_text() for text in rates.texts} == {"width=1", "width=2"}


def test_rates_that_are_not_finite_are_left_out_of_the_figure():
    found = sweep_of({1: (3.0, 5.0, 4.0), 2: (2.0, 3.0, 4.0)}, rates=True)
    for run in found.runs:
        run.record = {**run.record, "metrics": {**run.record.get("metrics", {}), "kl": math.inf}}
    rates = plot_sweep(found).axes[2]
    assert all(len(line.get_xdata()) == 0 for line in rates.lines if line.get_linestyle() != ":")


def test_a_sweep_may_get_more_values_seeds_and_trials_and_nothing_else():
    before = spec(search=SearchSpec(name="optuna", trials=3))
    more = before.model_copy(
        update={"grid": {"model.encoder.width": [3, 1, 2, 8]}, "seeds": (0, 1, 2, 3),
                "search": SearchSpec(name="optuna", trials=5)}
    )  # fmt: skip
    assert before.continued_by(more, "here") == more
    for other, field in (
        (spec(recipe={"name": "r", "train": {"epochs": 3}}), "recipe.train.epochs was 2, is 3"),
        (spec(grid={"model.encoder.width": [1, 2]}), "grid.model.encoder.width"),
        (spec(grid={"model.latent_dim": [1, 2, 3]}), "grid was"),
        (spec(seeds=[0, 1]), "seeds"),
        (spec(overrides=["train.epochs=9"]), "set was"),
        (spec(metric=MetricSpec(name="elbo", better="higher")), "metric was 'mse', is 'elbo'"),
    ):
        with pytest.raises(RunError, match="the directory contains another sweep") as refused:
            spec().continued_by(other, "here")
        assert field in str(refused.value)
    with pytest.raises(RunError, match=r"search.trials was 5, is 3"):
        more.continued_by(more.model_copy(update={"search": before.search}), "here")


def test_a_spec_is_read_as_it_was_written():
    from zoo.spec.documents import parse_yaml, to_yaml
    from zoo.sweeps.axes import parse_grid

    grid = parse_grid(["a.b=1e-3,null,[1]", "c=log(1e-4,1e-2)"])
    written = spec(grid=grid, overrides=("x=1",), search=SearchSpec(name="optuna", trials=2))
    assert SweepSpec.model_validate(parse_yaml(to_yaml(written.to_dict()), "a file")) == written
