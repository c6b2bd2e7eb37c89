"""``zoo.train``, which may begin with any model: of a directory, of the Hub, or a pretrained one."""

from __future__ import annotations

import functools
from typing import Any

from zoo.hub.locate import locate
from zoo.runs import job
from zoo.runs.job import Run


@functools.wraps(job.train)
def train(*arguments: Any, **options: Any) -> Run:
    return job.train(*arguments, **{"locate": locate, **options})
