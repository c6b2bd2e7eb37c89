"""Progress whose reader has left."""

from __future__ import annotations

import os

import rich.progress

from zoo.utils.console import ProgressConsole


def test_the_work_goes_on_when_nobody_reads_any_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8", closefd=False) as file:
        console = ProgressConsole(file=file, force_terminal=True)
        with rich.progress.Progress(console=console) as bar:
            task = bar.add_task("training", total=2)
            bar.advance(task)
            bar.refresh()
        for _ in range(3):
            console.print("epoch")
        assert console.quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # for what the file still holds
