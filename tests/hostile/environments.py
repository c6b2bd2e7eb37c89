"""Commands with environment variables that make no sense: they succeed, or end in one message.

``python -m tests.hostile.environments`` tries every environment, with names of some only those.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zoo
from tests.hostile.conftest import QUICK, SETTINGS

COMMANDS = {
    "compare": ["compare", "run", "again", "--out", "out.csv"],
    "plot": ["plot", "run", "loss", "--format", "svg", "--out", "drawn"],
    "report": ["report", "run", "--out", "out.html"],
    "sweep": [
        "sweep",
        "digits",
        *SETTINGS,
        "--set",
        "train.epochs=1",
        "--grid",
        "model.latent_dim=2,3",
        "--out",
        "swept",
    ],
}
_NOWHERE = "/nowhere/at/all"
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "nothing is set": dict.fromkeys(
        [name for name in os.environ if name not in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")]
    ),
    "no home": {"HOME": None, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a home that does not exist": {"HOME": _NOWHERE, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a home that cannot be written": {"HOME": "/proc", "XDG_CACHE_HOME": "/proc/x", "XDG_CONFIG_HOME": "/proc/x"},
    "a home that is a file": {"HOME": "/etc/passwd", "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "a folder of matplotlib that cannot be written": {"MPLCONFIGDIR": "/proc/x"},
    "no folder for temporary files": {"TMPDIR": _NOWHERE, "TEMP": _NOWHERE, "TMP": _NOWHERE},
    "a backend that does not exist": {"MPLBACKEND": "no such backend"},
    "a style of matplotlib that does not exist": {"MATPLOTLIBRC": _NOWHERE},
    "letters of ASCII alone": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "an encoding of one language": {"PYTHONIOENCODING": "latin-1", "LANG": "xx_YY.what"},
    "no terminal": {"TERM": None},
    "a terminal that nobody knows": {"TERM": "\u00fc", "FORCE_COLOR": "1"},
    "a narrow terminal": {"COLUMNS": "1", "LINES": "1", "FORCE_COLOR": "1"},
    "a wide terminal": {"COLUMNS": "9" * 12, "LINES": "9" * 12, "FORCE_COLOR": "1"},
    "numbers that are none": {
        **dict.fromkeys(["COLUMNS", "LINES"], "\u00b2"),
        **dict.fromkeys(
            ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "ZOO_IMPORT_SECONDS", "HF_HUB_DOWNLOAD_TIMEOUT"], "many"
        ),
    },
    "a date that is none": {"SOURCE_DATE_EPOCH": "yesterday"},
    "devices that do not exist": {"CUDA_VISIBLE_DEVICES": "what,-7,99", "ZOO_TRACEBACK": "0"},
    "an import without end": {"ZOO_IMPORT_SECONDS": "inf"},
    "a rank that is none": {"RANK": "first", "WORLD_SIZE": "few", "LOCAL_RANK": "?", "MASTER_PORT": "none"},
    "a rank beyond the number of processes": {"RANK": "7", "WORLD_SIZE": "-2"},
    "a precision that does not exist": {"ACCELERATE_MIXED_PRECISION": "fp3", "ACCELERATE_USE_CPU": "perhaps"},
}


def ended(words: list[str], environment: dict[str, str | None], start: Path) -> str:
    """Give a command in a copy of a folder; return what is wrong with its end."""
    variables = {**os.environ, "PYTHONPATH": str(Path(zoo.__file__).parents[1]), "OMP_NUM_THREADS": "1", **environment}
    variables = {name: value for name, value in variables.items() if value is not None}
    with tempfile.TemporaryDirectory() as temporary:
        folder = shutil.copytree(start, Path(temporary) / "work")
        done = subprocess.run(
            [sys.executable, "-m", "zoo", *words],
            cwd=folder,
            env=variables,
            capture_output=True,
            check=False,
            timeout=300,
        )
    said = done.stderr.decode(errors="replace")
    if "Traceback" in said or "Exception ignored" in said:
        return f"a traceback: {said}"
    if done.returncode not in (0, 1, 2):
        return f"exit status {done.returncode}: {said}"
    # A sweep names the error of each run before its own message.
    if done.returncode and len(re.findall(r"^(?:Error|Process \S+: error): ", said, re.MULTILINE)) != 1:
        return f"not one message: {said}"
    sys.stdout.write(f"    {words[0]}: {done.returncode} {said.strip()[:300]!r}\n")
    return ""


def failures(names: list[str]) -> Iterator[str]:
    """Yield a line for each command that ends wrongly, and one for each environment."""
    with tempfile.TemporaryDirectory() as temporary:
        start = Path(temporary) / "start"
        start.mkdir()
        zoo.train("digits", out=start / "run", overrides=QUICK)
        shutil.copytree(start / "run", start / "again")
        for name in names:
            problems = {command: ended(words, ENVIRONMENTS[name], start) for command, words in COMMANDS.items()}
            yield from (f"{command}, {name}: {text}" for command, text in problems.items() if text)
            right = sum(not text for text in problems.values())
            yield f"{name}: {right} of {len(problems)} commands succeed or end in one message"


def main() -> None:
    """Try all environments; exit with 1 if any command ends wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help="[default: all]")
    bad = False
    for line in failures(parser.parse_args().name or list(ENVIRONMENTS)):
        bad = bad or not line.endswith("commands succeed or end in one message")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.exit(bad)


if __name__ == "__main__":
    main()
