"""Progress of the reverse chain."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def reporting(progress: bool | Callable[[int, int], None], total: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each pass, which updates a bar, calls ``progress(done, total)``, or does nothing.

    Example:
        >>> with reporting(lambda done, total: print(f"{done}/{total}"), 2) as report:
        ...     report()
        ...     report()
        1/2
        2/2
    """
    if progress is False:
        yield lambda: None
    elif progress is True:
        from rich.progress import Progress

        from zoo.utils.console import ProgressConsole

        with Progress(console=ProgressConsole(stderr=True), transient=True) as bar:
            task = bar.add_task("sampling", total=total)
            yield lambda: bar.advance(task)
    else:
        done = 0

        def report() -> None:
            nonlocal done
            done += 1
            progress(done, total)

        yield report
