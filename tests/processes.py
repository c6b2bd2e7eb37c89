"""Python in processes of their own: forks of one that has torch and the package imported.

A new interpreter takes three seconds to import torch. A fork takes a twentieth of a second, and is as good wherever the
start of the interpreter is not what is tested: it has its own arguments, environment, folder, streams and signals, and
none of the state of the tests.

    done = run("-m", "zoo", "train", "digits", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

What the interpreter reads when it starts (``-W``, ``-X``, ``PYTHONPATH`` before the first import) needs ``subprocess``.
"""

from __future__ import annotations

import atexit
import io
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import zoo

_PACKAGE = Path(zoo.__file__).parent
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "pytest", "torch._dynamo", "matplotlib.pyplot", "matplotlib.backends.backend_agg", "PIL.PngImagePlugin",
        *("zoo.cli.train", "zoo.cli.evaluate", "zoo.cli.report", "zoo.hub", "zoo.hub.train", "zoo.runs.job"),
        # A run ends with every metric and figure there is. Their registry must not have looked for packages here, since
        # a child may have another PYTHONPATH.
        *(f"zoo.{kind}.{file.stem}" for kind in ("metrics", "figures") for file in _PACKAGE.glob(f"{kind}/[a-z]*.py")),
        "zoo.objectives.vae", "zoo.encoders.mlp", "zoo.decoders.mlp", "zoo.posteriors.diagonal_gaussian",
        "zoo.priors.standard_gaussian", "zoo.likelihoods.bernoulli", "zoo.datasets.digits",
        __name__,
    ]
)  # fmt: skip

_STARTED: set[BaseProcess] = set()


def import_meanwhile() -> None:
    """Start the process that is forked, which imports for seconds, while other tests run."""
    forkserver.ensure_running()


@atexit.register
def _end_what_failed_tests_left() -> None:
    """Kill what still runs, for which Python would wait when it ends."""
    for process in _STARTED:
        process.kill()


class Process:
    """A running process, with the methods of ``subprocess.Popen`` and the streams as text.

    It leads a process group of its own, so that ``os.killpg(process.pid, …)`` reaches what it starts.
    """

    def __init__(
        self,
        *command: object,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        merge: bool = False,
    ) -> None:
        """Start ``python`` with the words of a command: ``-c CODE …``, ``-m MODULE …`` or ``SCRIPT …``.

        Args:
            cwd: its folder; None: the folder of the tests.
            env: its whole environment; None: that of the tests. ``PYTHONPATH`` is searched first.
            merge: write standard error into standard output.
        """
        self.args = [str(word) for word in command]
        self._folder = tempfile.TemporaryDirectory()
        self._streams = [Path(self._folder.name, name) for name in ("out", "out" if merge else "err")]
        environment = dict(os.environ if env is None else env)
        arguments = (self.args, str(cwd or Path.cwd()), environment, [str(path) for path in self._streams])
        self._process = _CONTEXT.Process(target=_become, args=arguments)
        self._process.start()
        _STARTED.add(self._process)
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """The exit status, negative after a signal; None while the process runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        return self._process.exitcode

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Wait for the end and return what was written to standard output and standard error.

        Raises:
            subprocess.TimeoutExpired: the process still ran, and was killed.
        """
        self._process.join(timeout)
        if self.returncode is None:
            self._process.kill()
            self._process.join()
            raise subprocess.TimeoutExpired(self.args, timeout, *self._written())
        written = self._written()
        _STARTED.discard(self._process)
        self._folder.cleanup()
        return written

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _written(self) -> tuple[str, str]:
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in self._streams)
        return out, "" if self._streams[0] == self._streams[1] else err


def run(
    *command: object,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    merge: bool = False,
    timeout: float = 120,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run ``python`` with the words of a command to its end, as ``subprocess.run`` does with captured text."""
    process = Process(*command, cwd=cwd, env=env, merge=merge)
    out, err = process.communicate(timeout)
    done = subprocess.CompletedProcess(process.args, process.poll() or 0, out, err)
    if check:
        assert done.returncode == 0, f"exit status {done.returncode}\n{out}{err}"
    return done


def together(count: int, *command: object, env: Mapping[str, str] | None = None) -> list[Process]:
    """Start a command in several processes that find each other, as ``torchrun --nproc-per-node COUNT`` does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    shared |= {"LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0", "OMP_NUM_THREADS": "1"}
    environment = {**(os.environ if env is None else env), **shared}
    return [Process(*command, env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(count)]


def _become(words: Sequence[str], cwd: str, environment: Mapping[str, str], streams: Sequence[str]) -> None:
    """Be ``python WORDS``: in the child, which is a copy of a process with everything imported."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), encoding="utf-8")  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), encoding="utf-8", line_buffering=True)  # noqa: SIM115
    sys.path[:0] = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    try:
        _run(words)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _run(words: Sequence[str]) -> None:
    kind, rest = words[0], list(words[1:])
    if kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv = rest
        sys.path.insert(0, "")
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        sys.path.insert(0, str(Path(kind).parent))
        runpy.run_path(kind, run_name="__main__")
