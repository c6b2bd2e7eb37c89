"""How long it takes until something happens: imports and the commands that only look things up.

Each piece of work is a process of its own, in turns with the bare Python and with ``import click``.

    python -m benchmarks startup
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks._measure import interleaved, spread, write

CLI = "import sys; sys.argv = ['zoo-cli', *{words!r}]; from zoo.cli import main; main()"
WORKS = {
    "python": "pass",
    "python, click": "import click",
    "import zoo": "import zoo",
    "zoo-cli --help": CLI.format(words=["--help"]),
    "zoo-cli list": CLI.format(words=["list"]),
    "zoo-cli list encoder": CLI.format(words=["list", "encoder"]),
    "zoo-cli show conv": CLI.format(words=["show", "encoder/conv"]),
    "import torch": "import torch",
    "zoo.build": "import zoo; zoo.build('vae-mlp-2d')",
}
HEAVY = ("torch", "torchvision", "matplotlib", "huggingface_hub", "pydantic")


def main(arguments: list[str]) -> None:
    """Measure all in turns."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks startup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds that are counted (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    seconds = interleaved({name: process(code) for name, code in WORKS.items()}, options.rounds)
    milliseconds = {name: spread([1e3 * value for value in values]) for name, values in seconds.items()}
    above = {
        name: spread([1e3 * (a - b) for a, b in zip(values, seconds["python"], strict=True)])
        for name, values in seconds.items()
    }
    loads = {
        name: loaded(code) for name, code in WORKS.items() if name.split()[0] in ("import", "zoo-cli", "zoo.build")
    }
    print(f"{'':<24}{'ms':>8}{'above bare Python':>20}   loads")
    for name, value in milliseconds.items():
        what = ", ".join(loads.get(name, []))
        print(f"{name:<24}{value['median']:8.0f}{above[name]['median']:20.0f}   {what}")
    goal = "import zoo under 60 ms above bare Python, without torch; --help, list, show without torch"
    write({"goal": goal, "milliseconds": milliseconds, "above_bare_python": above, "loads": loads}, options.out)


def process(code: str) -> Callable[[], None]:
    """Return what runs code in a process of its own."""

    def run() -> None:
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return run


def loaded(code: str) -> list[str]:
    """Return which heavy modules the code imports."""
    tail = f"; print('loads', *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    body = f"import atexit, sys; atexit.register(lambda: exec({tail[2:]!r}, {{'sys': sys}})); {code}"
    done = subprocess.run([sys.executable, "-c", body], check=True, capture_output=True, text=True)
    return done.stderr.split("loads", 1)[1].split()
