"""The error of values that were hidden and filled in."""

import pandas as pd
import pytest
import torch

import zoo
from tests.tables import table_model
from zoo.data import load_data


def table(rows: int = 2000) -> pd.DataFrame:
    generator = torch.Generator().manual_seed(0)
    number = torch.randn(rows, generator=generator).double()
    frame = pd.DataFrame({"a": number, "b": 3 * number + 100})
    frame["sign"] = ["minus" if value < 0 else "plus" for value in number]
    return frame


def test_what_always_gives_the_means_has_an_error_of_one_and_the_accuracy_of_a_guess():
    data = load_data(table(), test=0.0, validation=0.0)
    model = table_model(data)
    with torch.no_grad():
        for parameter in model.decoder.output.parameters():
            parameter.zero_()
    found = zoo.evaluate(model, data, [{"name": "imputation", "num_samples": 2, "examples": None}], split="train")
    assert found["imputation_rmse"] == pytest.approx(1.0, abs=0.12)
    assert found["imputation_accuracy"] == pytest.approx(0.5, abs=0.1)
    assert found.measurements["imputation_rmse"].standard_error < 0.1


def test_what_gives_back_the_truth_has_no_error(monkeypatch):
    data = load_data(table(60), test=0.0, validation=0.0)
    model = table_model(data)
    monkeypatch.setattr(model, "impute", lambda x, mask, labels, num_samples: x)
    found = zoo.evaluate(model, data, ["imputation"], split="train")
    assert (found["imputation_rmse"], found["imputation_accuracy"]) == (0.0, 1.0)


def test_missing_values_are_not_counted(monkeypatch):
    frame = table(60)
    frame.loc[::2, "b"] = None
    data = load_data(frame, test=0.0, validation=0.0)
    model = table_model(data)
    monkeypatch.setattr(model, "impute", lambda x, mask, labels, num_samples: x.nan_to_num(9.0))
    assert zoo.evaluate(model, data, ["imputation"], split="train")["imputation_rmse"] == 0.0


def test_other_data_than_tables_are_refused_in_words():
    with pytest.raises(zoo.ZooError, match="the data are not rows of a table"):
        zoo.evaluate(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)), torch.rand(5, 1, 8, 8), ["imputation"])


def test_metrics_of_reconstructions_leave_missing_values_out(monkeypatch):
    frame = table(60)[["a"]].assign(gone=5.0)
    frame.loc[::2, "gone"] = None
    data = load_data(frame, test=0.0, validation=0.0)
    model = table_model(data)
    monkeypatch.setattr(model, "reconstruct", lambda x, labels, mask: x.nan_to_num(9.0) * torch.tensor([0.5, 1.0]))
    found = zoo.evaluate(model, data, ["mse", "explained_variance"], split="train")
    # Half of each standardised `a` is lost, nothing of the constant; a row has one value or two.
    assert found["explained_variance"] == pytest.approx(0.75, abs=1e-6)
    a = data.train.examples(60)[:, 0]
    parts = torch.where(torch.arange(60) % 2 == 0, 1.0, 0.5)
    assert found["mse"] == pytest.approx((parts * (a / 2).square()).mean().item(), rel=1e-5)
