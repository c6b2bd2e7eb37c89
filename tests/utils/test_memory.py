"""Memory that is left, from what the system says of it."""

from __future__ import annotations

import os
import resource

import pytest
import torch

from zoo.errors import ComponentError, DataError, InputError
from zoo.utils import memory
from zoo.utils.allocation import MemoryLimit
from zoo.utils.memory import available_memory, check_memory

V2, V1 = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files that the system has, for tests to fill; there is no limit on the process."""
    found: dict[str, str] = {}

    def read(path: str) -> str:
        if path not in found:
            raise FileNotFoundError(path)
        return found[path]

    monkeypatch.setattr(memory, "_read", read)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return found


def test_the_machine_says_what_is_available(files: dict[str, str]) -> None:
    files["/proc/meminfo"] = "MemTotal: 9000 kB\nMemAvailable:    5000 kB\n"
    assert available_memory() == 5000 * 1024


@pytest.mark.parametrize("text", [None, "MemTotal: 9000 kB\n", "MemAvailable: much\n", "MemAvailable:\n"])
def test_without_such_a_line_it_is_the_memory_that_is_built_in(files: dict[str, str], text: str | None) -> None:
    if text is not None:
        files["/proc/meminfo"] = text
    assert available_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_container_leaves_its_limit_without_what_is_used_but_for_the_cache_of_files(files: dict[str, str]) -> None:
    files["/proc/meminfo"] = "MemAvailable: 5000 kB\n"
    files |= {f"{V2}/memory.max": "3000\n", f"{V2}/memory.current": "1000\n", f"{V2}/memory.stat": "inactive_file 70\n"}
    assert available_memory() == 3000 - 1000 + 70
    files[f"{V2}/memory.max"] = "max\n"
    assert available_memory() == 5000 * 1024


def test_the_older_kind_of_container_has_other_files(files: dict[str, str]) -> None:
    files["/proc/meminfo"] = "MemAvailable: 5000 kB\n"
    files |= {f"{V1}/memory.limit_in_bytes": "3000", f"{V1}/memory.usage_in_bytes": "1000", f"{V1}/memory.stat": ""}
    assert available_memory() == 2000
    files[f"{V1}/memory.usage_in_bytes"] = "4000"
    assert available_memory() == 0


def test_a_limit_of_the_process_leaves_what_is_not_mapped(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files |= {"/proc/meminfo": "MemAvailable: 500000000 kB\n", "/proc/self/statm": "3 2 1\n"}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10 * resource.getpagesize(), 0))
    assert available_memory() == 7 * resource.getpagesize()
    files["/proc/self/statm"] = ""
    assert available_memory() == 500_000_000 * 1024


def test_what_takes_more_than_there_is_is_refused_with_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2000)
    check_memory(2000, "the mask", where="mask")
    with pytest.raises(InputError, match="the mask takes 2 kB of memory, 2 kB are available\nMake it smaller"):
        check_memory(2001, "the mask", where="mask")
    with pytest.raises(DataError, match="Take fewer"):
        check_memory(2001, "the mask", where="mask", remedy="Take fewer.", refusal=DataError)
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_memory(10**30, "the mask", where="mask")


def test_a_model_may_take_its_limit_and_no_more() -> None:
    with MemoryLimit(limit=80):
        torch.zeros(10)
        torch.zeros(5, dtype=torch.float64)
    with MemoryLimit(limit=79), pytest.raises(ComponentError, match="the model asks for 80 bytes of memory"):
        torch.zeros(20)
    with MemoryLimit(limit=100, tensors=2), pytest.raises(ComponentError, match="asks for more than 2 tensors"):
        [torch.zeros(1) for _ in range(3)]
