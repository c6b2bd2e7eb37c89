"""``zoo-cli reconstruct``."""

from __future__ import annotations

from typing import Any

import click

from zoo.cli._rows import Request, is_grid, open_source, row_options, write_rows


@click.command(epilog="Example: zoo-cli reconstruct runs/photos --data holiday/ --out smooth/")
@row_options("reconstructions")
def command(**options: Any) -> None:
    """Write each example encoded and decoded again, in the units, size and columns of the data.

    --out names arrays (.npz), or for a table a table (.csv, .tsv, .parquet); for images a picture (.png, .svg, .pdf)
    of inputs above outputs, or a folder (no suffix) with a PNG under the name of each file or row. The folder must be
    new or empty: --overwrite replaces single files only. MODEL is a run or checkpoint directory,
    hf://user/name[@revision], or a pretrained name.
    """
    from zoo.use.reconstruct import reconstructions

    request = Request(**options)
    write_rows(request, reconstructions(open_source(request), request.seed, inputs=is_grid(request.out)))
