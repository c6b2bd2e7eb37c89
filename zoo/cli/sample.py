"""``zoo-cli sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.model import Model


@click.command(epilog="Example: zoo-cli sample runs/digits --count 100 --out samples.png")
@click.argument("model", type=MODEL)
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="Number of samples.")
@click.option(
    "--fitted/--no-fitted",
    default=None,
    help="Draw latents from the fitted prior, or from the prior of training.  [default: fitted, if there is one]",
)
@click.option("--label", type=click.IntRange(min=0), help="Class to sample, for a conditional model.  [default: each]")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the model's own way to sample: steps=20, method=ddim, guidance=3; repeatable.",
)
@click.option("--noise", is_flag=True, help="Draw from p(x|z) rather than showing its mean.")
@click.option("--seed", default=0, show_default=True, help="Seed of the draws.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("samples.png"),
    show_default=True,
    help="An image file (.png, .svg, .pdf), or the values themselves (.npy).",
)
def command(
    model: ModelDirectory,
    count: int,
    fitted: bool | None,
    label: int | None,
    options: tuple[str, ...],
    noise: bool,
    seed: int,
    out: Path,
) -> None:
    """Draw samples of MODEL into a file; `zoo-cli fit-prior` fits a prior to sample from.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    import torch

    from zoo.checkpoints.checkpoint import load
    from zoo.errors import InputError
    from zoo.figures.samples import plot_images
    from zoo.utils.files import replacing

    loaded = load(model)
    kind = out.suffix.removeprefix(".")
    image = len(loaded.data_shape) == 3 and loaded.data_shape[0] in (1, 3)
    known = ("png", "svg", "pdf", "npy") if image else ("npy",)
    if kind not in known:
        raise InputError(
            f"expected a file name that ends with {' or '.join(f'.{each}' for each in known)}, got {out.name!r}",
            where="--out",
            remedy="Use .png, .svg, .pdf or .npy for images, .npy for other data.",
        )
    labels = None
    if loaded.classes:
        each = torch.arange(count) * loaded.classes // count
        labels = each if label is None else torch.full((count,), label)
    elif label is not None:
        raise InputError("this model is not conditional", where="--label", remedy="Leave it out.")
    torch.manual_seed(seed)
    given = _own_options(loaded, options)
    if fitted is not None:
        given["fitted"] = fitted
    samples = loaded.sample(count, labels, noise=noise, **given)
    with replacing(out) as temporary:
        if kind == "npy":
            import numpy as np

            with temporary.open("wb") as file:
                np.save(file, samples.numpy(), allow_pickle=False)
        else:
            columns = round(count**0.5)
            plot_images(samples, columns, loaded.spec.data_range).savefig(temporary, format=kind, dpi=150)
    click.echo(f"Drew {count} samples of shape {tuple(loaded.data_shape)} into {out}")


def _own_options(loaded: Model, options: tuple[str, ...]) -> dict[str, Any]:
    """Return the options for the objective's ``sample``, with a progress bar in a terminal if it has one."""
    import inspect
    import sys

    from zoo.errors import InputError
    from zoo.spec.documents import parse_yaml

    given: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise InputError(
                f"expected KEY=VALUE, got {option!r}", where="--option", remedy="For example: --option steps=20"
            )
        given[name.strip()] = parse_yaml(value, f"--option {option}")
    # These change what comes out, or need code: `zoo-cli plot MODEL reverse_chain` shows the way.
    for name in given.keys() & {"trajectory", "progress", "latents"}:
        raise InputError(f"{name!r} can be set from Python only", where="--option", remedy="See `zoo.Model.sample`.")
    known = inspect.signature(loaded.objective.sample).parameters
    return {**given, **({"progress": True} if "progress" in known and sys.stderr.isatty() else {})}
