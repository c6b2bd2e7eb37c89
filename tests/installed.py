"""Example packages as their users get them: wheels beside an installed latent-zoo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import processes

EXAMPLES = Path(__file__).parents[1] / "examples"
CLI = ["-m", "zoo"]


def install(example: str, folder: Path) -> Path:
    """Build the wheel of an example and install it; return the folder that it is importable from."""
    source = shutil.copytree(EXAMPLES / example, folder / "source")
    build = ["build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(source)]
    subprocess.run([sys.executable, "-m", *build], check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    arguments = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel)]
    subprocess.run([sys.executable, "-m", *arguments], check=True, capture_output=True)
    return folder / "site"


def interpreter(site: Path) -> Callable[..., str]:
    """Return a function that runs Python with a folder of packages, and returns what it prints."""

    def run(*arguments: str) -> str:
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        return processes.run(*arguments, env={**os.environ, "PYTHONPATH": path}, check=True).stdout

    return run
