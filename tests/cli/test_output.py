"""How figures are printed."""

from __future__ import annotations

from zoo.cli._output import figures_table


def test_a_standard_error_stands_behind_its_figure() -> None:
    text = figures_table({"elbo": -24.379, "elbo_standard_error": 0.187, "active_units": 2}, "test split")
    assert text.splitlines()[0] == "test split"
    assert "elbo" in text
    assert "-24.38 ± 0.19" in text
    assert "active units" in text
    assert "standard error" not in text


def test_figures_of_several_samplers_stand_in_a_table() -> None:
    names = [f"{stem}_{end}" for stem in ("precision", "coverage") for end in ("data", "prior")]
    figures = {"mse": 0.0327, **dict(zip(names, (0.9, 0.8, 0.7, 0.6), strict=True)), "examples_seen": 5}
    lines = [line.split() for line in figures_table(figures, "title").splitlines()]
    assert lines[-3:] == [
        ["of", "samples", "data", "prior"],
        ["precision", "0.9000", "0.8000"],
        ["coverage", "0.7000", "0.6000"],
    ]
    assert ["mse", "0.0327"] in lines
    assert ["examples", "seen", "5"] in lines
