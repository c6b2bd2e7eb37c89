"""``zoo-cli score``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._options import COUNT
from zoo.cli._rows import Request, open_source, row_options, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo.use.rows import Block


@click.command(epilog="Example: zoo-cli score runs/sensors --data today.csv --out scores.csv")
@row_options("scores")
@click.option("--num-samples", type=COUNT, default=200, show_default=True, help="Number of draws of z per example.")
@click.option("--fitted", is_flag=True, help="Use the fitted prior as p(z).")
@click.option(
    "--by-value", is_flag=True, help="Add the contribution of each column of a table, or pixel, to log p(x|z)."
)
def command(num_samples: int, fitted: bool, by_value: bool, **options: Any) -> None:
    """Write the log-likelihood of each example, in nats; the examples with a low one are anomalies.

    log_likelihood is the importance-weighted estimate of log p(x) of the data in their own units; `zoo-cli evaluate`
    computes that of scaled data, which differs by a constant if no values are missing. elbo, reconstruction and kl are
    the terms of the lower bound. For a model without a density, such as an autoencoder, only the reconstruction error
    is written. --out is a table (.csv, .tsv, .parquet) or a file of arrays (.npz). MODEL is a run or checkpoint
    directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.use.score import ranking, scores
    from zoo.use.units import log_volume

    request = Request(**options)
    source = open_source(request)
    stream = scores(source, request.seed, num_samples=num_samples, fitted=fitted, by_value=by_value)
    quantity, sign = ranking(stream.quantities)
    name = quantity.name
    total: list[float] = []
    worst: list[tuple[float, str]] = []

    def ranked() -> Iterator[Block]:
        key = next(each.name for each in stream.keys if each.name in ("name", "row"))
        for block in stream.blocks:
            total.append(float(block[name].sum()))
            found = zip((sign * block[name]).tolist(), map(str, block[key].tolist()), strict=True)
            worst[:] = sorted([*worst, *found], reverse=True)[:5]
            yield block

    def facts() -> dict[str, Any]:
        mean = sum(total) / max(1, stream.count)
        known: dict[str, Any] = {"ranked_by": name, f"mean_{name}": round(mean, 4)}
        difference = sign * float(log_volume(source.model).sum())
        # If values are missing, each row has another difference.
        complete = not any(split.info.missing for split in source.splits.values())
        if difference and complete and quantity.depends_on_units:
            words = f"nats of data in their own units; for scaled data, as in `evaluate`, {difference:+.4g}"
            known |= {"scaled_data_difference": difference} if request.as_json else {"unit": words}
        names = [example for _, example in worst]
        return {**known, "most_unusual": names if request.as_json else ", ".join(names)}

    write_rows(request, replace(stream, blocks=ranked()), facts)
