"""``zoo-cli``: one file per command. Commands import heavy packages only when they run."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from pathlib import Path
from typing import TextIO

import click

from zoo.cli._environment import is_additional_process
from zoo.cli._failures import FAILED, finish, print_message, report_failure
from zoo.cli._options import IMPORT
from zoo.errors import UnusableModelWarning, ZooWarning, nearest
from zoo.utils.text import excerpt
from zoo.version import __version__


class _Commands(click.Group):
    """Finds a command by the name of its file, so that one command does not import another."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        files = Path(__file__).parent.glob("*.py")
        return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"zoo.cli.{cmd_name.replace('-', '_')}")
        if is_additional_process() and not getattr(module, "IN_EVERY_PROCESS", False):
            raise click.exceptions.Exit(0)  # only the first process does the work
        command: click.Command = module.command
        if IMPORT not in command.params:
            command.params.append(IMPORT)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown name."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            hint = nearest(args[0], known)
            raise click.UsageError(f"No such command {args[0]!r}. {hint}Commands: {', '.join(known)}.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the short help of each command without cutting it."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(_UNLIMITED)) for name, command in commands if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


_UNLIMITED = 10_000
"""A length of short helps that none of them reaches."""


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="zoo-cli")
def cli() -> None:
    """Train, evaluate and draw latent-variable models from YAML recipes.

    \b
    Start with:
      zoo-cli train digits        a VAE on handwritten digits, no download
      zoo-cli list                all components, presets, recipes and pretrained models
    """


def main() -> None:
    """Run ``zoo-cli``; exit with 0 for success, 1 for a failure, 2 for wrong input."""
    if sys.stderr is None or not sys.stderr.isatty():
        # The Hub's client shows bars only for a terminal. It reads this variable when it is imported.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the encoding of a terminal may lack some characters
    try:
        with warnings.catch_warnings():
            _show_own_warnings_as_messages()
            warnings.simplefilter("error", UnusableModelWarning)
            result = cli.main(standalone_mode=False)
            status = result if isinstance(result, int) else 0
    except SystemExit as error:
        print_message(f"Error: a component ended the program, with status {excerpt(error.code)}")
        status = FAILED
    except BaseException as error:
        found = report_failure(error)
        if found is None:
            raise
        status = found
    status = finish(status)
    imports = sys.modules.get("zoo.registry.imports")
    if imports is not None and imports.has_running_threads():
        os._exit(status)  # a thread of a plug-in would keep the process running
    sys.exit(status)


def _show_own_warnings_as_messages() -> None:
    """Print warnings of this package as messages, without the line of code that issued them."""
    show = warnings.showwarning

    def show_message(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, ZooWarning):
            print_message(f"Warning: {message}")
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_message
