"""How numbers are written in tables."""

from __future__ import annotations

from zoo.evaluation.measurement import FITTED, PRIOR, TRAINING_DATA, Measurement, Result
from zoo.evaluation.record import describe
from zoo.evaluation.tables import metrics_table

ELBO = Result("elbo", "A bound.", unit="nats", better="higher", title="ELBO")
UNITS = Result("active_units")
RECALL, COVERAGE = Result("recall"), Result("coverage")


def record_of(*measurements: Measurement) -> dict:
    return {
        "metrics": {each.key: each.value for each in measurements},
        "details": {each.key: describe(each, "some_metric") for each in measurements},
    }


def test_unit_and_standard_error_stand_behind_a_number() -> None:
    record = record_of(Measurement(ELBO, -24.379, standard_error=0.187), Measurement(UNITS, 2))
    lines = metrics_table(record, "test split").splitlines()
    assert lines[0] == "test split"
    assert lines[1].split() == ["ELBO", "-24.38", "±", "0.19", "nats"]
    assert lines[2].split() == ["active", "units", "2"]


def test_sources_have_a_column_each() -> None:
    found = [
        Measurement(result, value, source=source)
        for result, values in ((RECALL, (0.9, 0.8)), (COVERAGE, (0.7, 0.6)))
        for source, value in zip((TRAINING_DATA, PRIOR), values, strict=True)
    ]
    lines = metrics_table(record_of(*found, Measurement(UNITS, 5)), "title").splitlines()
    assert lines[1].split() == ["active", "units", "5"]
    assert lines[-5].split() == ["training", "data", "from", "the", "prior"]
    assert [line.split() for line in lines[-4:-2]] == [["recall", "0.9000", "0.8000"], ["coverage", "0.7000", "0.6000"]]
    assert [line.partition(":")[0].strip() for line in lines[-2:]] == ["training data", "from the prior"]
    assert "drawn from p(z)" in lines[-1]


def test_a_number_with_and_without_a_source_stands_in_both_parts() -> None:
    text = metrics_table(record_of(Measurement(ELBO, -2.0), Measurement(ELBO, -1.0, source=FITTED)), "title")
    *table, meaning = text.splitlines()[1:]
    assert meaning.startswith("  fitted prior: the prior that was fitted")
    assert [line.split() for line in table] == [
        ["ELBO", "-2.0000", "nats"],
        ["fitted", "prior"],
        ["ELBO", "-1.0000"],
    ]


def test_a_short_list_is_written_out_and_a_long_one_by_its_range() -> None:
    of_levels = Measurement(Result("kl_per_level", unit="nats", title="KL per level"), [0.3237, 1.5])
    of_steps = Measurement(Result("loss_by_step"), [float(value) for value in range(20, 0, -1)])
    lines = metrics_table(record_of(of_levels, of_steps, Measurement(UNITS, 5)), "title").splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["active", "units", "5"],
        ["KL", "per", "level", "[nats]", "0.3237,", "1.5000"],
        ["loss", "by", "step", "1.0000", "to", "20.00,", "20", "values"],
    ]


def test_a_list_without_entries_is_left_out() -> None:
    assert metrics_table(record_of(Measurement(RECALL, [])), "title") == "title"


def test_an_error_is_written_as_its_number_is() -> None:
    lines = metrics_table(record_of(Measurement(ELBO, -1.2e12, standard_error=3e8)), "title").splitlines()
    assert lines[1].split() == ["ELBO", "-1.2e+12", "±", "3.0e+08", "nats"]
