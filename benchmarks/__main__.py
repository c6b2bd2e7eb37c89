"""Run a benchmark by the name of its file."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Hand the arguments after the name to ``main`` of the module of that name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        print(f"usage: python -m benchmarks NAME [OPTION]…\nNAME is one of: {', '.join(names)}")
        return 0 if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help") else 2
    try:
        importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])
    except ModuleNotFoundError as error:
        print(f"{error}: `pip install -e '.[bench]'` installs what the zoo is compared with", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
