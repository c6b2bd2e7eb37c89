"""Checks of the available memory before large allocations."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import InputError, ZooError
from zoo.utils.text import readable_size

_CGROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def available_memory() -> int | None:
    """Return the bytes that this process can still allocate: of the machine, its container and its own limit.

    None if the system does not report it.
    """
    found = [size for size in (_of_machine(), _of_container(), _of_process()) if size is not None]
    return max(0, min(found)) if found else None


def check_memory(
    size: int, what: str, *, where: str, remedy: str = "Make it smaller.", refusal: type[ZooError] = InputError
) -> None:
    """Raise an error if an allocation would need more memory than is available.

    Args:
        size: bytes.
        what: the object that needs them, the subject of the message.

    Raises:
        ZooError: of the class ``refusal``.
    """
    available = available_memory()
    if available is not None and size > available:
        raise refusal(
            f"{what} takes {readable_size(size)} of memory, {readable_size(available)} are available",
            where=where,
            remedy=remedy,
        )


def _of_machine() -> int | None:
    try:
        for line in _read("/proc/meminfo").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Not a POSIX system.
        return None


def _of_container() -> int | None:
    for folder, limit, usage, cached in _CGROUPS:
        try:
            most = int(_read(f"{folder}/{limit}"))  # First: most systems have no limit, and the rest is slower to read.
            facts = dict(line.split() for line in _read(f"{folder}/memory.stat").splitlines())
            # Pages of files count as used, but the system frees them when memory is needed.
            return most - int(_read(f"{folder}/{usage}")) + int(facts.get(cached, 0))
        except (OSError, ValueError):  # No such limit, or "max".
            continue
    return None


def _of_process() -> int | None:
    """Return the bytes that a limit on the address space (``ulimit -v``) leaves."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(_read("/proc/self/statm").split()[0])
        return limit - pages * resource.getpagesize()
    except (ImportError, OSError, ValueError, IndexError):
        return None


def _read(path: str) -> str:
    return Path(path).read_text(encoding="ascii")
