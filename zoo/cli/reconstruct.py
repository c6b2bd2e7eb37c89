"""``zoo-cli reconstruct``."""

from __future__ import annotations

from typing import Any

import click

from zoo.cli._rows import Request, is_grid, open_source, row_options, write_rows


@click.command(epilog="Example: zoo-cli reconstruct runs/photos --data holiday/ --out smooth/")
@row_options("reconstructions")
def command(**options: Any) -> None:
    """Write the reconstruction of each example, in the units, size and columns of the data.

    --out is a file of arrays (.npz); for rows of a table also a table (.csv, .tsv, .parquet); for images also a single
    image (.png, .svg, .pdf) with inputs above outputs, or a folder (no suffix) for a PNG per example. The folder must
    be new or empty, also with --overwrite. MODEL is a run or checkpoint directory, hf://user/name[@revision], or a
    pretrained name.
    """
    from zoo.use.reconstruct import reconstructions

    request = Request(**options)
    write_rows(request, reconstructions(open_source(request), request.seed, inputs=is_grid(request.out)))
