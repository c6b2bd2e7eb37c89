"""``zoo-cli impute``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._options import COUNT
from zoo.cli._output import echo
from zoo.cli._rows import Request, is_grid, open_source, row_options, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo.use.rows import Block


@click.command(epilog="Example: zoo-cli impute runs/people --data survey.csv --out filled.csv")
@row_options("completed examples")
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="The observed values: .npy or .npz with true or 1 for an observed value, for all examples or for each of "
    "them; or an image with white observed pixels.  [default: all values that are not NaN or empty]",
)
@click.option("--num-samples", type=COUNT, default=100, show_default=True, help="Number of draws of z per example.")
def command(mask: Path | None, num_samples: int, **options: Any) -> None:
    """Write each example with its missing values replaced by their means E[x | observed].

    Observed values do not change. --out is as for `zoo-cli reconstruct`; a folder must be new or empty. MODEL is a run
    or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.use.impute import imputations
    from zoo.use.masks import read_mask

    request = Request(**options)
    values = None if mask is None else read_mask(mask)
    source = open_source(request)
    stream = imputations(source, request.seed, mask=values, num_samples=num_samples, inputs=is_grid(request.out))
    missing: list[int] = []

    def counted() -> Iterator[Block]:
        for block in stream.blocks:
            missing.append(int(block[stream.quantities[-1].name].sum()))
            yield block

    write_rows(request, replace(stream, blocks=counted()), lambda: {"values_filled_in": sum(missing)})
    if not sum(missing):
        echo("Note: no value was missing. To say which values were observed, use --mask FILE.", err=True)
