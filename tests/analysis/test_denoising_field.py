"""The field of a denoiser beside the exact one."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.analysis.denoising import mixture_oracle
from zoo.analysis.denoising_field import denoising_field
from zoo.data import load_data
from zoo.spec import DataSpec


def test_the_field_is_the_shift_to_the_exact_answer_where_states_are():
    torch.manual_seed(0)
    data = load_data(DataSpec(name="gaussian_mixture", size=300, held_out=300))
    objective = {"steps": 12, "beta_start": 0.01, "beta_end": 0.4, "predict": "previous"}
    model = zoo.build("denoiser-mlp", network={"width": 8, "depth": 1}, objective=objective).eval()
    oracle = mixture_oracle(model, data.info)
    field = denoising_field(model, oracle, step=3, size=21)
    torch.testing.assert_close(field.points + field.exact, oracle.posterior(field.points, 3).mean)
    # `mlp` begins as the identity: it predicts that nothing moves.
    assert field.learned.abs().max() < 1e-6
    assert field.relative_difference == pytest.approx(1.0, abs=1e-4)
    assert 0 < len(field.points) < 21**2
