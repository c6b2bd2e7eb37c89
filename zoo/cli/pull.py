"""``zoo-cli pull``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli._options import OUT
from zoo.cli._output import echo, echo_json

if TYPE_CHECKING:
    from zoo.hub.pull import Pulled


@click.command(epilog="Example: zoo-cli pull ada/digits-vae --revision v1 --to models/digits")
@click.argument("repo", metavar="USER/NAME")
@click.option("--revision", help="Branch, tag or commit.  [default: main]")
@click.option("--to", type=OUT, help="A new or empty directory.  [default: the cache]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(repo: str, revision: str | None, to: Path | None, as_json: bool) -> None:
    """Download USER/NAME from the Hugging Face Hub, check it, and print its location and description.

    Nothing that is downloaded is executed or unpickled. Without a network, the copy in the cache is used.
    """
    from zoo.hub.pull import pull

    pulled = pull(repo, revision=revision, to=to)
    echo_json(_facts(pulled)) if as_json else echo(_text(pulled))


def _facts(pulled: Pulled) -> dict[str, object]:
    return {
        "path": str(pulled.path),
        "address": pulled.address,
        "commit": pulled.commit,
        "spec": pulled.spec.to_dict(),
        "evaluation": pulled.evaluation,
    }


def _text(pulled: Pulled) -> str:
    from zoo.evaluation.tables import metrics_table
    from zoo.hub.errors import scrub

    spec = pulled.spec
    parts = [f"{role} {part.name}" for role, part in spec.components().items() if role != "objective"]
    size = sum(tensor.numel() for tensor in pulled.model.state_dict().values())
    lines = [
        f"{pulled.address}, commit {pulled.commit[:12]}",
        f"  location    {pulled.path}",
        f"  objective   {spec.objective.name}",
        f"  components  {', '.join(parts)}",
        f"  data shape  {list(spec.data_shape or ())}",
        f"  weights     {size:,} numbers",
    ]
    if pulled.evaluation is None:
        return "\n".join([*lines, "It has no evaluation."])
    where = f"{pulled.evaluation.get('split')} split of {pulled.evaluation.get('dataset')}, measured by its author"
    # A text from the Hub may contain control characters that a terminal would interpret.
    return scrub("\n".join([*lines, metrics_table(pulled.evaluation, where)]))
