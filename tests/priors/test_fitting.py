"""The length of a fit by gradients, and the deviations that latents are standardised with."""

from __future__ import annotations

import pytest
import torch

from zoo.priors import FittablePrior
from zoo.priors._fitting import enough_steps, spread
from zoo.priors.flow import Flow
from zoo.priors.latent_denoiser import LatentDenoiser
from zoo.priors.two_stage import TwoStage


@pytest.mark.parametrize(
    ("examples", "steps", "chosen", "epochs", "checkpoint_every"),
    [
        (50_000, 3000, None, 30, 300),  # 100 steps an epoch, and a checkpoint each tenth of the fit
        (50_000, 3001, None, 31, 310),
        (50_001, 3000, None, 30, 303),  # 101 steps an epoch
        (50_000, 500, None, 5, 100),  # no more often than once an epoch
        (50_000, 3000, 100, 6, 500),  # the user's batch size
        (500, 3000, None, 500, 50),  # at most 500 passes over the data
        (0, 100, None, 100, 10),
    ],
)
def test_a_fit_has_about_as_many_steps_as_asked_for(
    examples: int, steps: int, chosen: int | None, epochs: int, checkpoint_every: int
) -> None:
    fields = enough_steps(examples, steps, batch_size=500, lr=1e-3, chosen=chosen)
    assert fields["epochs"] == epochs
    assert fields["batch_size"] == (chosen or 500)
    assert fields["checkpoint_every"] == {"steps": checkpoint_every}


@pytest.mark.parametrize(("prior", "steps"), [(Flow, 3000), (TwoStage, 3000), (LatentDenoiser, 4000)])
def test_priors_are_fitted_with_batches_of_256_unless_the_user_chooses_another_size(
    prior: type[FittablePrior], steps: int
) -> None:
    assert prior.fit_defaults(25_600)["batch_size"] == 256
    assert prior.fit_defaults(25_600)["epochs"] == steps // 100
    assert prior.fit_defaults(25_600, 512)["epochs"] == steps // 50
    assert prior.fit_defaults(25_600)["optimizer"] == {"name": "adam", "lr": 2e-3}


def test_deviations_are_those_of_the_columns_but_at_least_a_thousandth_of_the_largest() -> None:
    latents = torch.tensor([[1.0, 5.0, 1e-5], [3.0, 5.0, -1e-5]])
    torch.testing.assert_close(spread(latents), torch.tensor([1.0, 1e-3, 1e-3]))
    assert spread(torch.zeros(3, 2)).tolist() == pytest.approx([1e-6, 1e-6])
