"""``zoo-cli fit-prior``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._data import DATA_HELP, ModelData, open_data
from zoo.cli._options import LARGEST_SEED, check_new, out_option, set_option
from zoo.cli._output import echo, echo_json
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.model import Model

IN_EVERY_PROCESS = True
"""The command runs in every process that a launcher starts."""


@click.command("fit-prior", epilog="Example: zoo-cli fit-prior runs/digits-ae '{name: mixture, components: 20}'")
@click.argument("model", type=MODEL)
@click.argument("prior")
@click.option("--data", "dataset", help=DATA_HELP)
@set_option(
    "Set a field of the data (data.root=DIR), or of the training of a prior without a closed form (epochs=50); "
    "repeatable."
)
@click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=0,
    show_default=True,
    metavar="INTEGER",
    help="Seed of initial weights, data order and noise.",
)
@out_option("Directory for the model with the prior.  [default: MODEL, if it is a directory]")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: ModelDirectory,
    prior: str,
    dataset: str | None,
    overrides: tuple[str, ...],
    seed: int,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fit PRIOR to the latents of MODEL's training data, and save it with the model.

    Without --out, the prior is added to MODEL itself; if that is a finished run, its metrics, figures and model card
    are updated.

    PRIOR is a name (`zoo-cli list prior`), or a mapping with options. MODEL is a run or checkpoint directory,
    hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, load, save
    from zoo.errors import InputError
    from zoo.runs.directory import RECIPE, RunDirectory
    from zoo.runs.fit_prior import copy_recipe, fit_and_compare
    from zoo.spec.documents import parse_yaml
    from zoo.spec.overrides import apply_override

    if out is not None:
        _check_no_training(out)
        recipe = [RECIPE] if RunDirectory(model).exists() else []
        check_new(out / name for name in (CONFIG, WEIGHTS, *recipe))
    about_data = [override for override in overrides if override.startswith("data.")]
    spec: dict[str, Any] = {}
    for override in overrides:
        if override not in about_data:
            apply_override(spec, override)
    chosen = parse_yaml(prior, "PRIOR") if prior.lstrip().startswith("{") else {"name": prior}
    loaded = load(model)
    data = open_data(model, loaded, dataset, about_data)
    if out is None and not (model.is_writable and data.is_training_data):
        reason = "the prior is fitted to other data than the model" if model.is_writable else "it is not a directory"
        raise InputError(
            f"cannot write into {model.reference}: {reason}", where="--out", remedy="Name a directory: --out DIR"
        )
    with _located([override for override in overrides if override not in about_data]):
        fitted, worse = fit_and_compare(loaded, data.data, chosen, spec, seed=seed, quiet=quiet)
    if os.environ.get("RANK", "0") != "0":  # the first process of several writes
        return
    if worse is not None:
        echo(f"Note: {worse}", err=True)
    updated = out is None and _update_run(model, fitted, data, worse)
    folder = Path(model) if updated else save(fitted, out or Path(model))
    if out is not None:
        copy_recipe(model, folder, fitted)
    name = fitted.spec.fitted_prior.name if fitted.spec.fitted_prior else ""
    if as_json:
        echo_json({"model": str(folder), "fitted_prior": name})
    else:
        where = f"with a copy of the model in {folder}/" if out is not None else f"in {folder}/"
        echo(f"Fitted the prior {name!r}, and saved it {where}.")
        if updated:
            echo("The metrics, figures and model card there are now those of the model with this prior.")
        if out is None:
            echo("To leave the model unchanged, use --out DIR.")


def _check_no_training(out: Path) -> None:
    """Check that no run was trained in a directory: its metrics would not be those of the model."""
    from zoo.errors import InputError
    from zoo.runs.directory import METRICS, RunDirectory

    if RunDirectory(out).is_started() or (out / METRICS).is_file():
        raise InputError(
            f"expected a directory without a run, got {out}, in which a run was trained",
            where="--out",
            remedy="Choose another directory; or leave --out out, to save the prior in MODEL itself.",
        )


@contextlib.contextmanager
def _located(overrides: Sequence[str]) -> Iterator[None]:
    """Make an error about the training of the prior name the override that caused it."""
    from zoo.errors import InputError
    from zoo.spec.origin import Origin

    try:
        yield
    except InputError as error:
        if error.where and error.where.startswith("spec."):
            error.where = error.where.removeprefix("spec.")
            Origin("fit-prior", overrides=tuple(overrides)).locate(error)
        raise


def _update_run(model: ModelDirectory, fitted: Model, data: ModelData, worse: str | None) -> bool:
    """Save a model with its new prior into its finished run, and update the run's metrics, figures and card.

    Args:
        worse: a note, if the prior is worse than that of training.

    Returns:
        Whether the directory is a finished run.
    """
    from zoo.checkpoints.checkpoint import save
    from zoo.evaluation.evaluate import choose_metrics, record
    from zoo.report.gallery import draw_figures
    from zoo.runs.card import update_card
    from zoo.runs.directory import RunDirectory
    from zoo.runs.fit_prior import is_poor_fit_note

    run = RunDirectory(model)
    recorded = run.read_evaluation() if run.exists() else None
    if recorded is None:
        return False
    recipe = run.read_recipe()
    split = recorded["split"] if recorded["split"] in ("train", "validation", "test") else data.split
    context = replace(data, split=split).context(fitted, history=run.training.read_metrics())
    echo(f"Evaluating on the {split} split ({len(context.split):,} examples) …", err=True)
    measured = record(context, choose_metrics(context, recipe.evaluate.metrics), recorded["split"], recorded["seed"])
    kept = [note for note in recorded["notes"] if not is_poor_fit_note(note)]
    notes = dict.fromkeys([*kept, *measured["notes"], *([worse] if worse else [])])
    evaluation = {**measured, "best_epoch": recorded["best_epoch"], "notes": list(notes)}
    run.remove_evaluation()  # so that a run that is killed from here on has no metrics of other weights
    save(fitted, run.path)
    draw_figures(context, run.figures, recipe.evaluate.figures, seed=recorded["seed"])
    run.write_evaluation(evaluation)
    if not update_card(run.path, recipe, data.data.info, evaluation) and (run.path / "README.md").is_file():
        echo("README.md was edited, so it is not changed: its metrics are those without this prior.", err=True)
    return True
