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
@click.option("--num-samples", type=COUNT, default=200, show_default=True, help="Draws of z for each log p(x).")
@click.option("--fitted", is_flag=True, help="Take the fitted prior as p(z).")
@click.option("--by-value", is_flag=True, help="Add what each column of the table, or pixel, adds to log p(x|z).")
def command(num_samples: int, fitted: bool, by_value: bool, **options: Any) -> None:
    """Write how probable each example is, in nats, with the terms of its bound; improbable examples are anomalies.

    log_likelihood is the importance-weighted estimate of log p(x) of the data as they are stored, in their own units;
    `zoo-cli evaluate` measures scaled data, whose log p(x) differs by a constant if no values are missing. elbo,
    reconstruction and kl are the terms of its lower bound. A model without a density, such as an autoencoder, gives
    the reconstruction alone. --out names a table (.csv, .tsv, .parquet) or arrays (.npz). MODEL is a run or checkpoint
    directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.use.score import ranking, scores
    from zoo.use.units import log_volume

    request = Request(**options)
    source = open_source(request)
    stream = scores(source, request.seed, num_samples=num_samples, fitted=fitted, by_value=by_value)
    name, sign = ranking(stream.quantities)
    total: list[float] = []
    worst: list[tuple[float, str]] = []

    def watched() -> Iterator[Block]:
        key = next(each.name for each in stream.keys if each.name in ("name", "row"))
        for block in stream.blocks:
            total.append(float(block[name].sum()))
            found = zip((sign * block[name]).tolist(), map(str, block[key].tolist()), strict=True)
            worst[:] = sorted([*worst, *found], reverse=True)[:5]
            yield block

    def facts() -> dict[str, Any]:
        mean = sum(total) / max(1, stream.count)
        known: dict[str, Any] = {"ranked_by": name, f"mean_{name}": round(mean, 4)}
        constant = float(log_volume(source.model).sum())
        # Where values are missing, the difference is another one for each row.
        complete = not any(split.info.missing for split in source.splits.values())
        if constant and complete and name == "log_likelihood":
            words = f"nats of data in their own units; of scaled data, as `evaluate` has it, {-constant:+.4g}"
            known |= {"of_scaled_data_minus_this": -constant} if request.as_json else {"unit": words}
        return {
            **known,
            "strangest": [case for _, case in worst] if request.as_json else ", ".join(c for _, c in worst),
        }

    write_rows(request, replace(stream, blocks=watched()), facts)
