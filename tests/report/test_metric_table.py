"""Tables of metrics: the best marked, sorted, grouped, in text, CSV and HTML."""

from __future__ import annotations

import csv
import io
import math

import pytest

from zoo.errors import InputError
from zoo.report.comparison import Comparison
from zoo.report.metric_table import MetricTable


def records(values: dict[str, dict[str, float]]) -> dict[str, dict]:
    """Return the records of models by their values: the mean squared error, and the ELBO."""
    details = {
        "mse": {"result": "mse", "better": "lower", "standard_error": 0.01},
        "elbo": {"result": "elbo", "better": "higher", "title": "ELBO", "unit": "nats"},
        "active_units": {"result": "active_units"},
    }
    return {
        name: {"metrics": metrics, "details": {key: details[key] for key in metrics}}
        for name, metrics in values.items()
    }


VALUES = {
    "a": {"mse": 0.3, "elbo": -5.0, "active_units": 2},
    "b<": {"mse": 0.1, "elbo": -4.0, "active_units": 3},
    "c": {"mse": 0.2, "active_units": 1},
}
SEEDS = {
    "small": {"1": {"mse": 1.0, "elbo": -3.0}, "2": {"mse": 3.0}},
    "large": {"1": {"mse": 2.5, "elbo": -1.0}, "2": {"mse": 2.5, "elbo": math.nan}},
}


def test_a_number_that_a_model_lacks_is_a_dash():
    assert MetricTable.of_models(records(VALUES)).cells()[1] == ["ELBO [nats]", "-5.0000", "-4.0000", "–"]


def test_the_best_of_each_row_is_marked_in_its_direction_alone():
    cells = MetricTable.of_models(records(VALUES)).cells(mark="{} *")
    marked = {row[0]: [cell.endswith("*") for cell in row[1:]] for row in cells}
    assert marked == {"mse": [False, True, False], "ELBO [nats]": [False, True, False], "active units": [False] * 3}
    equal = MetricTable.of_models(records({"a": {"mse": 0.1}, "b": {"mse": 0.1}}))
    assert not any(cell.endswith("*") for row in equal.cells(mark="{} *") for cell in row)


def test_what_is_not_clearly_worse_than_the_best_is_marked_with_it():
    def marked(**values: float) -> str:
        (row,) = MetricTable.of_models(records({name: {"mse": mse} for name, mse in values.items()})).rows
        return "".join(sorted("abc"[column] for column in row.marked("standard_error")))

    # Two standard errors of a difference are 2 · √2 · 0.01 = 0.0283.
    assert marked(a=0.10, b=0.12, c=0.20) == "ab"
    assert marked(a=0.10, b=0.13, c=0.20) == "a"
    assert marked(a=0.10, b=0.11, c=0.12) == ""
    seeds = {"a": [1.0, 1.2, 1.1], "b": [1.2, 1.3, 1.1], "c": [2.0, 2.1, 1.9]}
    groups = {name: records({str(n): {"mse": mse} for n, mse in enumerate(found)}) for name, found in seeds.items()}
    table = MetricTable.of_groups(groups)
    assert table.rows[0].marked(table.error) == {0, 1}
    assert "less than two standard errors worse" in table.to_text("title")


def test_models_are_sorted_by_a_result_the_best_first_and_those_without_it_last():
    compared = Comparison(records(VALUES), {})
    assert list(compared.sorted_by("mse").records) == ["b<", "c", "a"]
    assert list(compared.sorted_by("elbo").records) == ["b<", "a", "c"]
    with pytest.raises(InputError, match="Did you mean 'elbo'"):
        compared.sorted_by("elboo")
    with pytest.raises(InputError, match="neither higher nor lower"):
        compared.sorted_by("active_units")


def test_a_table_is_written_in_full_digits_and_as_a_page():
    table = MetricTable.of_models(records(VALUES))
    head, *lines = list(csv.reader(io.StringIO(table.to_csv())))
    assert head == ["model", "mse", "mse_standard_error", "elbo", "active_units"]
    assert lines[2] == ["c", "0.2", "0.01", "", "1"]
    page = table.to_html("Three models")
    assert page.count("<b>") == 2
    assert "b&lt;" in page
    assert "https://" not in page


def test_many_models_fit_a_hundred_columns():
    names = [f"a-model-of-some-length-{n}" for n in range(9)]
    shown = MetricTable.of_models(records(dict.fromkeys(names, VALUES["a"]))).to_text("title")
    assert max(map(len, shown.splitlines())) <= 100
    assert all(name in shown for name in names)


def test_a_group_has_the_mean_and_the_standard_deviation_between_its_models():
    table = MetricTable.of_groups({group: records(values) for group, values in SEEDS.items()})
    small, large = table.row("mse", "test").entries
    assert (small.value, small.error, small.values) == (2.0, pytest.approx(math.sqrt(2)), {"1": 1.0, "2": 3.0})
    assert (large.value, large.error) == (2.5, 0.0)
    assert table.row("mse", "test").best() == {0}
    alone, failed = table.row("elbo", "test").entries
    assert (alone.value, alone.error) == (-3.0, None)
    assert math.isnan(failed.value), "a run without a number does not vanish from the mean"
    assert table.in_order(table.order("elbo")).columns == ("small", "large")
    assert "mse_standard_deviation" in table.to_csv()
    assert "between the models of a group" in table.to_html("title")
