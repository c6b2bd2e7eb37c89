"""A codebook in two processes, talking over gloo, is the codebook of one process with all of the vectors."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import torch

from tests.processes import together
from zoo.quantisation.codebook import EmaCodebook
from zoo.quantisation.standardise import Standardise

REPOSITORY = Path(__file__).parents[2]
STEPS = 6

SCRIPT = """
import sys
import torch
from torch import distributed

folder = sys.argv[1]
distributed.init_process_group("gloo")
rank = distributed.get_rank()
given = torch.load(f"{folder}/given.pt", weights_only=False)
codebook, norm, fresh = given["codebook"], given["norm"], given["fresh"]
torch.manual_seed(rank)  # the processes draw other vectors at which codes start
for batch in given["batches"]:
    own = batch.chunk(2)[rank]
    codebook(norm(own))
    fresh(own)
torch.save([codebook.state_dict(), norm.state_dict(), fresh.state_dict()], f"{folder}/{rank}.pt")
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_sums_means_and_restarts_are_those_of_all_processes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    codebook = EmaCodebook(5, 3, decay=0.7, restart_below=0.0)
    codebook.begin_at(torch.randn(5, 3))
    fresh = EmaCodebook(8, 3, decay=0.5, restart_below=0.4, initialisation="kmeans")
    batches = [2 * torch.randn(40, 3) + 1 for _ in range(STEPS)]
    given = {"codebook": codebook, "norm": Standardise(3), "fresh": fresh, "batches": batches}
    torch.save(given, tmp_path / "given.pt")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for process in together(2, tmp_path / "script.py", tmp_path, env=environment):
        out, err = process.communicate()
        assert process.returncode == 0, out + err

    alone, norm = copy.deepcopy(codebook), Standardise(3)
    for batch in batches:
        alone(norm(batch))
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for state in found:
        torch.testing.assert_close(state[0], alone.state_dict())
        torch.testing.assert_close(state[1], norm.state_dict())
    for name, value in found[0][2].items():
        assert torch.equal(value, found[1][2][name]), "codes start and restart at the same vectors in all processes"
