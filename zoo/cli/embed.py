"""``zoo-cli embed``."""

from __future__ import annotations

from typing import Any

import click

from zoo.cli._rows import Request, open_source, row_options, write_rows


@click.command(epilog="Example: zoo-cli embed runs/photos --data holiday/ --out codes.csv")
@row_options("latents")
def command(**options: Any) -> None:
    """Write the latents of each example: the mean of q(z|x), or the indices of discrete codes.

    --out is a table (.csv, .tsv, .parquet) or a file of arrays (.npz). Each row has the name of its file or its row
    number, and its class if the data have labels. MODEL is a run or checkpoint directory, hf://user/name[@revision], or
    a pretrained name.
    """
    from zoo.use.embed import embeddings

    request = Request(**options)
    write_rows(request, embeddings(open_source(request), request.seed))
