"""``zoo-cli sample``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: zoo-cli sample runs/digits --count 100 --out samples.png")
@click.argument("model")
@click.option("--count", type=click.IntRange(min=1), default=64, show_default=True, help="Number of samples.")
@click.option("--label", type=click.IntRange(min=0), help="Class to sample, for a conditional model.  [default: each]")
@click.option("--noise", is_flag=True, help="Draw from p(x|z) rather than showing its mean.")
@click.option("--seed", default=0, show_default=True, help="Seed of the draws.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("samples.png"),
    show_default=True,
    help="A picture (.png, .svg, .pdf), or the values themselves (.npy).",
)
def command(model: str, count: int, label: int | None, noise: bool, seed: int, out: Path) -> None:
    """Draw samples of MODEL into a file."""
    import torch

    from zoo.checkpoint import load
    from zoo.errors import InputError
    from zoo.figures.samples import plot_images
    from zoo.files import replacing

    loaded = load(model)
    kind = out.suffix.removeprefix(".")
    image = len(loaded.data_shape) == 3 and loaded.data_shape[0] in (1, 3)
    if kind not in ("npy", *(("png", "svg", "pdf") if image else ())):
        raise InputError(
            f"files of the kind {out.suffix!r} cannot hold these samples",
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
    samples = loaded.sample(count, labels, noise=noise)
    with replacing(out) as temporary:
        if kind == "npy":
            import numpy as np

            with temporary.open("wb") as file:
                np.save(file, samples.numpy(), allow_pickle=False)
        else:
            columns = round(count**0.5)
            plot_images(samples, columns, loaded.spec.data_range).savefig(temporary, format=kind, dpi=150)
    click.echo(f"Drew {count} samples of shape {tuple(loaded.data_shape)} into {out}")
