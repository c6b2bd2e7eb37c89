"""Writes small copies of MNIST's four files, and serves them."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch
from torch import Tensor

NAMES = [f"{prefix}-{part}" for prefix in ("train", "t10k") for part in ("images-idx3-ubyte", "labels-idx1-ubyte")]


def idx_bytes(values: Tensor) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.contiguous().numpy().tobytes()


def write_mnist(folder: Path, *, train: int = 60, test: int = 20) -> dict[str, Tensor]:
    """Write the four files to ``folder``; image i is filled with i but for its top right pixel, which is 255."""
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Tensor] = {}
    for prefix, count in (("train", train), ("t10k", test)):
        images = torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1).repeat(1, 28, 28)
        images[:, 0, -1] = 255
        contents[f"{prefix}-images-idx3-ubyte"] = images
        contents[f"{prefix}-labels-idx1-ubyte"] = (torch.arange(count) % 10).to(torch.uint8)
    for name, values in contents.items():
        (folder / name).write_bytes(idx_bytes(values))
    return contents


def pack(folder: Path) -> list[tuple[str, str]]:
    """Replace the files of ``folder`` by gzipped ones; return their names and MD5 checksums."""
    checksums = []
    for file in sorted(folder.iterdir()):
        packed = gzip.compress(file.read_bytes())
        (folder / f"{file.name}.gz").write_bytes(packed)
        file.unlink()
        checksums.append((f"{file.name}.gz", hashlib.md5(packed).hexdigest()))
    return checksums


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve ``folder`` on this machine and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
