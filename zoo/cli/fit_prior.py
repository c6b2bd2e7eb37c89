"""``zoo-cli fit-prior``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zoo.cli._model import DATA_HELP, open_data
from zoo.cli._options import LARGEST_SEED
from zoo.cli._reference import MODEL, ModelDirectory

IN_EVERY_PROCESS = True
"""The processes that a launcher starts compute together."""


@click.command("fit-prior", epilog="Example: zoo-cli fit-prior runs/digits-ae '{name: mixture, components: 20}'")
@click.argument("model", type=MODEL)
@click.argument("prior")
@click.option("--data", "dataset", help=DATA_HELP)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a field of the data (data.root=DIR) or of how a prior without a closed form is trained (epochs=50); "
    "repeatable.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=0,
    show_default=True,
    metavar="INTEGER",
    help="Seed of initial weights, order of the data and noise.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Directory that the model is written to.  [default: MODEL, if that is a directory of your own]",
)
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
    """Fit PRIOR to the latents that MODEL has of its training data, and save it with the model.

    PRIOR is a name (`zoo-cli list prior`), or a mapping with options. MODEL is a run or checkpoint directory,
    hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load, save
    from zoo.errors import InputError
    from zoo.runs.fit_prior import fit_prior
    from zoo.spec.documents import parse_yaml
    from zoo.spec.resolve import apply_override

    about_data = [override for override in overrides if override.startswith("data.")]
    spec: dict[str, Any] = {}
    for override in overrides:
        if override not in about_data:
            apply_override(spec, override)
    chosen = parse_yaml(prior, "PRIOR") if prior.lstrip().startswith("{") else {"name": prior}
    loaded = load(model)
    data = open_data(model, loaded, dataset, about_data)
    if out is None and not (model.own and data.own_data):
        reason = "the prior is fitted to other data than the run's" if model.own else "it is no directory of your own"
        raise InputError(
            f"cannot write into {model.asked}: {reason}", where="--out", remedy="Name a directory: --out DIR"
        )
    fitted = fit_prior(loaded, data.data, chosen, spec, seed=seed, quiet=quiet)
    folder = save(fitted, out or Path(model))
    name = fitted.spec.fitted_prior.name if fitted.spec.fitted_prior else ""
    if as_json:
        click.echo(json.dumps({"model": str(folder), "fitted_prior": name}, indent=2))
    else:
        click.echo(f"Fitted the prior {name!r}, and saved it with the model in {folder}/")
    if (folder / "evaluation.json").is_file():
        click.echo(
            f"The metrics, figures and card there are those of the model without this prior: run "
            f"`zoo-cli evaluate {folder}` and `zoo-cli plot {folder}`.",
            err=True,
        )
