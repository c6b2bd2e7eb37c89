"""Every option of every part of a model that is a whole number, as large as a stranger may write it.

``python -m tests.hostile.sizes``: a part is built, or refused in words, in little time and memory.
"""

from __future__ import annotations

import argparse
import inspect
import re
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import zoo
from tests.models import SETTINGS, spec_with
from zoo.errors import ZooError
from zoo.registry import find_component, list_components
from zoo.spec.resolve import merge

KINDS = ("encoder", "posterior", "prior", "decoder", "likelihood", "network", "regulariser", "objective", "corruption")
HUGE = 10**9
SECONDS, BYTES = 10, 6 * 2**30
"""Seconds of the processor, which other programs do not lengthen."""


def options(kind: str, name: str) -> Iterator[tuple[str, object]]:
    """Yield the options of a component that are whole numbers, or lists of them, with huge values."""
    for each in inspect.signature(find_component(kind, name)).parameters.values():
        if each.kind is each.KEYWORD_ONLY and re.search(r"[Ii]nt\b", str(each.annotation)):
            is_list = re.search("[Ll]ist|[Tt]uple|Sequence", str(each.annotation))
            yield each.name, [HUGE] if is_list else HUGE


def tried(kind: str, name: str, option: str, value: object) -> str:
    """Build the first model that takes a part with such an option; say what is wrong, or what was said."""
    refusals = []
    for setting in SETTINGS:
        try:
            plain = spec_with(setting, **{kind: name})
        except ZooError:
            continue
        change = {"regularisers": {name: {option: value}}} if kind == "regulariser" else {kind: {option: value}}
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            zoo.build(merge(plain, change))
        except ZooError as error:
            refusals.append(str(error).splitlines()[0])
            if option in refusals[-1] or "memory" in refusals[-1]:
                return f"refused: {refusals[-1]}"
        except TimeoutError:
            return f"WRONG: more than {SECONDS} seconds"
        except Exception:
            return f"WRONG: {traceback.format_exc()}"
        else:
            return "built"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return f"refused: {refusals[0]}" if refusals else "fits nowhere"


def stop(*_: object) -> None:
    """End what takes too long."""
    raise TimeoutError


def main() -> None:
    """Try all options; exit with 1 if any takes too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    chosen = parser.parse_args()
    limit = BYTES + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGPROF, stop)
    warnings.simplefilter("ignore")
    count = wrong = 0
    for kind in chosen.kinds:
        for name in list_components(kind):
            for option, value in options(kind, name):
                found = tried(kind, name, option, value)
                count += 1
                wrong += found.startswith("WRONG")
                sys.stdout.write(f"{kind} {name}.{option}: {found}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{count} options, {wrong} take too much\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
