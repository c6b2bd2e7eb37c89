"""The sweep on a cluster of two nodes: killed, resumed, and the same numbers as in one process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.processes import Process
from tests.sweeps.conftest import COMMAND, finished, numbers
from tests.sweeps.test_sweep import wait_for
from zoo.sweeps.results import Sweep

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed: pip install 'latent-zoo[sweep]'"
)

_TRIES = 3
CLUSTER = """
import sys
from ray.cluster_utils import Cluster

small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
cluster.add_node(**small)
try:
    print(cluster.address, flush=True)
    sys.stdin.read()
finally:
    cluster.shutdown()
"""


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a cluster of two nodes with a core each; it ends with the test, whatever happens to it.

    A node gives its own helpers a few seconds to start, which on a busy machine are too few.
    """
    for _ in range(_TRIES):
        with tempfile.TemporaryFile("w+") as errors, started(errors) as found:
            if found is not None:
                yield found
                return
            errors.seek(0)
            problem = (errors.read().splitlines() or [""])[-1]
    pytest.skip(f"Ray could not start its nodes in {_TRIES} attempts: {problem}")


@contextmanager
def started(errors: IO[str]) -> Iterator[str | None]:
    """Start a cluster, and yield its address, None if it has failed; end it in the end."""
    cluster = subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    try:
        lines = (line.strip() for line in cluster.stdout)
        yield next((line for line in lines if line.count(":") == 1 and line[-1:].isdigit()), None)
    finally:
        cluster.stdin.close()  # which it takes as the word to end
        cluster.stdout.close()
        cluster.wait(60)


@pytest.mark.slow
def test_a_sweep_on_ray_that_was_killed_ends_with_the_same_numbers(
    undisturbed: Sweep, address: str, tmp_path: Path
) -> None:
    """Ray's own processes start slowly, and each imports torch: this test takes half a minute."""
    environment, out = {**os.environ, "RAY_ADDRESS": address}, tmp_path / "sweep"
    command = ["-m", "zoo", *COMMAND, "--out", out, "--engine", "ray", "--quiet"]
    killed = Process(*command, env=environment)
    wait_for(lambda: len(finished(out)) >= 2 or killed.poll() is not None)
    killed.kill()
    killed.communicate()
    done = finished(out)
    assert not (out / "sweep.json").exists(), "it was killed too late to show anything"
    resumed = Process(*command, "--resume", env=environment)
    output, errors = resumed.communicate(timeout=400)
    assert resumed.returncode == 0, output + errors
    assert 2 <= len(done) < len(finished(out)) == 12
    assert numbers(out) == numbers(undisturbed.path)
