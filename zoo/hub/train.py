"""``zoo.train``, with initial weights from any model: a directory, the Hub, or a pretrained model."""

from __future__ import annotations

import functools
from typing import Any

from zoo.hub.locate import locate
from zoo.runs import job
from zoo.runs.run import Run


@functools.wraps(job.train)
def train(*arguments: Any, **options: Any) -> Run:
    return job.train(*arguments, **{"locate": locate, **options})
