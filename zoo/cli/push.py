"""``zoo-cli push``."""

from __future__ import annotations

from dataclasses import asdict

import click

from zoo.cli._output import echo, echo_json
from zoo.cli._reference import MODEL, ModelDirectory


@click.command(epilog="Example: zoo-cli push runs/digits ada/digits-vae --tag v1 --licence cc-by-4.0")
@click.argument("model", type=MODEL)
@click.argument("repo", metavar="USER/NAME")
@click.option(
    "--private/--public", default=None, help="Visibility of a new repository.  [default: that of your account]"
)
@click.option("--revision", metavar="BRANCH", help="Branch, created if it does not exist.  [default: main]")
@click.option("--tag", help="A name for the commit, such as v1.0.")
@click.option("--message", help="Message of the commit.")
@click.option("--licence", help="Licence of the model, as the Hub names it: mit, apache-2.0, cc-by-4.0, …")
@click.option("--dry-run", is_flag=True, help="Print which files would be sent, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: ModelDirectory,
    repo: str,
    private: bool | None,
    revision: str | None,
    tag: str | None,
    message: str | None,
    licence: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Push MODEL to the Hugging Face Hub as USER/NAME, in one commit.

    Weights, configuration, recipe, evaluation, model card and its figures are pushed; nothing else leaves the
    machine. Log in first with `hf auth login`, or set HF_TOKEN.
    """
    from zoo.hub.push import push
    from zoo.utils.text import readable_size

    pushed = push(
        model,
        repo,
        private=private,
        revision=revision,
        tag=tag,
        message=message,
        licence=licence,
        dry_run=dry_run,
    )
    if as_json:
        echo_json(asdict(pushed))
        return
    if dry_run:
        echo(f"Would push to {pushed.address}:")
        for name, size in pushed.files.items():
            echo(f"  {name:<36}{readable_size(size):>10}")
        if pushed.left:
            echo(f"Would not be pushed: {', '.join(pushed.left)}")
    elif pushed.changed:
        echo(f"Pushed {', '.join(pushed.changed)} to {pushed.address}\n{pushed.url}")
    else:
        echo(f"Nothing has changed: {pushed.address} already contains this model\n{pushed.url}")
    if not dry_run:
        echo(f'Load it anywhere with zoo.load("{pushed.address}")')
