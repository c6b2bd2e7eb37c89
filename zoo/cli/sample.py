"""``zoo-cli sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._options import COUNT, SEED, out_option
from zoo.cli._output import echo
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.model import Model


@click.command(epilog="Example: zoo-cli sample runs/digits --count 100 --out samples.png")
@click.argument("model", type=MODEL)
@click.option("--count", type=COUNT, default=64, show_default=True, help="Number of samples.")
@click.option(
    "--fitted/--no-fitted",
    default=None,
    help="Draw latents from the fitted prior, or from the prior of training.  [default: fitted, if there is one]",
)
@click.option("--label", help="Class to sample, by name or number, for a conditional model.  [default: all classes]")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of sampling that depends on the objective: steps=20, method=ddim, guidance=3; repeatable.",
)
@click.option("--noise", is_flag=True, help="Draw from p(x|z) instead of taking its mean.")
@SEED
@out_option(
    "An image (.png, .svg, .pdf), or the values in units of the data (.npy; .npz with classes; .csv for tables).",
    default=Path("samples.png"),
    show_default=True,
)
def command(
    model: ModelDirectory,
    count: int,
    fitted: bool | None,
    label: str | None,
    options: tuple[str, ...],
    noise: bool,
    seed: int,
    out: Path,
) -> None:
    """Write samples of MODEL to a file. `zoo-cli fit-prior` can improve them with a fitted prior.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    import math

    import torch

    from zoo.checkpoints.checkpoint import load
    from zoo.cli._samples import check_format, labels_of, write_samples
    from zoo.utils.memory import check_memory

    loaded = load(model)
    check_format(loaded, out)
    size = 4 * count * math.prod(loaded.data_shape)
    check_memory(size, f"{count:,} samples", where="--count", remedy="Draw fewer at a time, in several files.")
    labels = labels_of(loaded, label, count)
    torch.manual_seed(seed)
    settings = _sampling_options(loaded, options)
    if fitted is not None:
        settings["fitted"] = fitted
    samples = loaded.sample(count, labels, noise=noise, **settings)
    what = write_samples(loaded, samples, labels, out, rounded=noise)
    echo(f"Wrote {count} samples{what} to {out}")


def _sampling_options(loaded: Model, options: tuple[str, ...]) -> dict[str, Any]:
    """Return the options for the objective's ``sample``, with a progress bar on a terminal if it supports one."""
    import inspect
    import sys

    from zoo.errors import InputError
    from zoo.spec.documents import parse_yaml
    from zoo.utils.text import excerpt

    given: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise InputError(
                f"expected KEY=VALUE, got {excerpt(option)}", where="--option", remedy="For example: --option steps=20"
            )
        given[name.strip()] = parse_yaml(value, f"--option {option}")
    # These change the type of the result, or take tensors.
    for name in given.keys() & {"trajectory", "progress", "latents"}:
        raise InputError(f"{name!r} can be set only from Python", where="--option", remedy="See `zoo.Model.sample`.")
    known = inspect.signature(loaded.objective.sample).parameters
    return {**given, **({"progress": True} if "progress" in known and sys.stderr.isatty() else {})}
