"""Counts of codes and their perplexity."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.analysis.codebook import code_counts, perplexities


def test_codes_of_each_codebook_are_counted_apart() -> None:
    model = zoo.build("rqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 3, "codebooks": 2})
    indices = torch.tensor([[[[0, 0], [1, 0]], [[2, 2], [2, 2]]], [[[0, 1], [0, 0]], [[2, 2], [2, 0]]]])
    assert indices.shape[1:] == model.posterior.grid
    assert code_counts(model.posterior, indices).tolist() == [[6, 2, 0], [1, 0, 7]]


def test_perplexity_is_the_number_of_codes_used_alike() -> None:
    for used in (1, 3, 8):
        counts = torch.zeros(1, 8)
        counts[0, :used] = 5
        assert perplexities(counts).item() == pytest.approx(used)
    assert 1 < perplexities(torch.tensor([[9.0, 1.0]])).item() < 2
