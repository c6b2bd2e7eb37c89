"""What every test and doctest gets: a registry that is afterwards as it was before."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from zoo.registry.registration import registered

# Before torch is imported, here and in every process that a test starts: the tests' models are too small to gain from
# a second thread, and threads of several processes that wait for each other on few cores cost minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, which is no failure; and a test that fails once fails again.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

_MANY = 1000
"""More tests than these are likely to need what takes seconds to start."""


def pytest_collection(session: pytest.Session) -> None:
    """Collect without the garbage collector, which would look through all tests again and again."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Prepare for the tests that were found.

    What is there stays for as long as they run, so the garbage collector leaves it out of every later collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    if len(session.items) > _MANY and "tests.processes" in sys.modules:
        sys.modules["tests.processes"].import_meanwhile()
    # A ninth of the pixels, which are what takes time in most tests that draw.
    if "zoo.report.gallery" in sys.modules:
        sys.modules["zoo.report.gallery"].DPI = 50


@pytest.fixture(autouse=True, scope="session")
def _cache_of_the_user_is_left_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the package caches, such as classifiers of datasets, in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _what_no_test_sees_takes_no_time() -> Iterator[None]:
    """Leave out waiting for the disk, which matters when the power fails, and generators of GPUs that are not there.

    Torch keeps the formatted call stack of every ``manual_seed`` for GPUs that might come.
    """
    import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        for device in (torch.cuda, torch.xpu, torch.mtia):
            if hasattr(device, "manual_seed_all") and not device.is_available():
                patch.setattr(device, "manual_seed_all", lambda seed: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _processes_can_be_forked() -> None:
    """Start torch's autograd before a test exports a model.

    The first gradient after an export would start a thread for a device, and torch refuses gradients in forks of a
    process with such threads, which tests of sweeps need.
    """
    import torch

    torch.ones((), requires_grad=True).backward()


@pytest.fixture(autouse=True)
def _registry_keeps_no_component_of_a_test() -> Iterator[None]:
    """Take out the components that a test, a doctest or a document registered.

    Components of modules that were imported meanwhile stay, since a second import would not register them again.
    """
    before = list(registered)
    yield
    if list(registered) == before:
        return
    for key, component in list(registered.items()):
        module = sys.modules.get(component.__module__)
        if key not in before and getattr(module, component.__qualname__, None) is not component:
            del registered[key]
