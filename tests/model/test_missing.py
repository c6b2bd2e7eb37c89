"""Values that are missing in a table: left out of the likelihood, shown to every encoder, never made up in silence."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch

import zoo
from tests.tables import table_model
from zoo.data import load_data
from zoo.errors import ComponentError, InputError
from zoo.registry import list_components


def frame(rows: int = 60) -> pd.DataFrame:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(rows, 2, generator=generator).double()
    table = pd.DataFrame(values.numpy(), columns=["a", "b"])
    table["c"] = ["xyz"[n % 3] for n in range(rows)]
    table.loc[::4, "a"] = None
    table.loc[1::5, "c"] = None
    return table


@pytest.fixture(scope="module")
def data():
    return load_data(frame(), test=0.2, validation=0.2)


def test_the_encoder_is_shown_the_mask_where_training_data_miss_values(data):
    model = table_model(data)
    assert model.spec.mask_input is True
    assert model.encoder.data_shape == (10,), "five values, and whether each was observed"
    x = torch.zeros(1, 5)
    hidden = torch.tensor([[False, True, True, True, True]])
    shown, not_shown = (model.encode(x, mask=mask).mean for mask in (None, hidden))
    assert not torch.equal(shown, not_shown), "a zero that was observed is not one that is missing"


def test_the_encoder_is_shown_no_mask_where_nothing_is_missing():
    model = table_model(load_data(frame().dropna(), test=0.0, validation=0.0))
    assert model.spec.mask_input is False
    assert model.encoder.data_shape == (5,)


@pytest.mark.parametrize("encoder", list_components("encoder"))
@pytest.mark.parametrize("shape", [(1, 12, 12), (2, 16)])
def test_every_encoder_is_shown_the_mask_as_further_channels(encoder, shape):
    fields = {"encoder": {"name": encoder}, "data_shape": shape, "mask_input": True, "likelihood": "gaussian"}
    model = zoo.build("vae-conv-16d", data_range=None, **fields).eval()
    mask = torch.rand(3, *shape) < 0.5
    x = torch.randn(3, *shape)
    means = model.encode(x, mask=mask).mean
    assert not torch.equal(means, model.encode(torch.where(mask, x, 0.0)).mean)
    changed = torch.where(mask, x, 99.0)
    torch.testing.assert_close(model.encode(changed, mask=mask).mean, means)


def test_nan_and_a_mask_say_the_same(data):
    model = table_model(data)
    x = data.test.examples(12)
    mask = ~x.isnan()
    assert not mask.all()
    filled = x.nan_to_num(7.0)
    for by_nan, by_mask in (
        (model.encode(x).mean, model.encode(filled, mask=mask).mean),
        (model.reconstruct(x), model.reconstruct(filled, mask=mask)),
    ):
        torch.testing.assert_close(by_nan, by_mask)
    torch.manual_seed(0)
    by_nan = model.log_likelihood(x, num_samples=4)
    torch.manual_seed(0)
    torch.testing.assert_close(by_nan, model.log_likelihood(filled, mask=mask, num_samples=4))
    torch.manual_seed(0)
    by_nan = model.impute(x, num_samples=4)
    torch.manual_seed(0)
    torch.testing.assert_close(by_nan, model.impute(filled, mask, num_samples=4))


def test_a_row_of_which_nothing_is_known_has_a_likelihood_of_one(data):
    model = table_model(data)
    # log p of no values is 0, and the weights p(z) / q(z|x) have the mean 1.
    value = model.log_likelihood(torch.full((1, 5), math.nan), num_samples=20_000)
    assert abs(value.item()) < 0.1


def test_the_loss_of_a_step_does_not_see_what_a_missing_value_holds(data):
    model = table_model(data)
    batch = next(data.train.batches(20))
    assert batch.mask is not None
    losses = []
    for value in (math.nan, 0.0, 1e6):
        torch.manual_seed(0)
        losses.append(model(torch.where(batch.mask, batch.x, value), None, batch.mask).total)
    assert losses[0].isfinite()
    assert len({loss.item() for loss in losses}) == 1


def test_nan_in_other_data_is_still_refused():
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
    with pytest.raises(InputError, match="got NaN or infinity"):
        model.encode(torch.full((1, 1, 8, 8), math.nan))


def test_infinity_in_a_table_is_refused(data):
    with pytest.raises(InputError, match="got NaN or infinity"):
        table_model(data).encode(torch.full((1, 5), math.inf))


def test_a_denoiser_takes_no_mask():
    with pytest.raises(ComponentError, match="there is no mask to show the encoder"):
        zoo.build("denoiser-conv-16d", mask_input=True)


def test_a_run_on_missing_values_comes_back_from_its_checkpoint(data, tmp_path):
    training = {"epochs": 2, "batch_size": 16}
    run = zoo.fit(
        frame(), "vae-table-8d", training=training, evaluation={"figures": []}, out=tmp_path / "r", quiet=True
    )
    assert all(math.isfinite(record["validation"]["loss"]) for record in run.metrics)
    numbers = run.evaluation["metrics"]
    assert all(math.isfinite(numbers[name]) for name in ("elbo", "log_likelihood", "mse", "imputation_rmse"))
    assert "bits_per_dimension" not in numbers
    model = zoo.load(tmp_path / "r")
    assert (model.spec.mask_input, model.data) == (True, run.model.data)
    x = model.preprocess(frame())
    torch.testing.assert_close(model.reconstruct(x), run.model.reconstruct(x))
