"""``zoo-cli export``."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli._options import OUT
from zoo.cli._output import echo, echo_json
from zoo.cli._reference import MODEL, ModelDirectory


@click.command(epilog="Example: zoo-cli export runs/digits --format onnx --out digits-onnx")
@click.argument("model", type=MODEL)
@click.option(
    "--format", "format_name", default="onnx", show_default=True, metavar="onnx|pt2", help="ONNX, or torch.export."
)
@click.option(
    "--raw",
    is_flag=True,
    help="Include the scaling in the graphs: they take and return stored values, such as pixels from 0 to 255.",
)
@click.option(
    "--out",
    type=OUT,
    help="A new directory.  [default: the name of MODEL and the format, in the working directory]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(model: ModelDirectory, format_name: str, raw: bool, out: Path | None, as_json: bool) -> None:
    """Export the encoder and the decoder, or the denoiser, of MODEL for other programs.

    The graphs accept batches of any size, and are checked against the model. The file preprocessing.json describes how
    raw data are prepared. MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.exporting.export import export

    name = Path(model.reference.partition("@")[0]).resolve().name
    exported = export(load(model), out or Path(f"{name}-{format_name}"), format_name, raw=raw)
    if as_json:
        facts = {
            "directory": str(exported.directory),
            "files": exported.files,
            "differences": exported.differences,
            "left_out": exported.left_out,
        }
        echo_json(facts)
        return
    echo(f"Wrote {', '.join(exported.files)} to {exported.directory}/")
    for part, difference in exported.differences.items():
        echo(f"  {part}: differs from the model by at most {difference:.1e}")
    for part, reason in exported.left_out.items():
        echo(f"  {part}: left out, because {reason}")
