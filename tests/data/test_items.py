"""Items of data sets and loaders give inputs and labels."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, SubsetRandomSampler

import zoo
from tests.data.examples import KINDS, ROWS, Pairs
from zoo.errors import DataError


def test_a_loader_chooses_items_but_not_their_order() -> None:
    pairs = Pairs(ROWS, KINDS.tolist())
    chosen = DataLoader(pairs, sampler=SubsetRandomSampler([5, 1, 9]))
    data = zoo.load_data(chosen, scale="none", test=0, validation=0)
    assert torch.equal(data.train.examples(3), torch.tensor(ROWS[[1, 5, 9]]))
    weighted = torch.utils.data.WeightedRandomSampler(torch.ones(40), 40)
    with pytest.raises(DataError, match="got one with a WeightedRandomSampler"):
        zoo.load_data(DataLoader(pairs, sampler=weighted))


@pytest.mark.slow
def test_real_data_sets_of_hugging_face() -> None:
    datasets = pytest.importorskip("datasets")
    source = datasets.Dataset.from_dict({"a": ROWS[:, 0], "b": ROWS[:, 1], "c": ROWS[:, 2], "label": [1, 0] * 20})
    features = source.features.copy()
    features["label"] = datasets.ClassLabel(names=["cat", "dog"])
    source = datasets.Dataset.from_dict(source.to_dict(), features=features)
    for form in (source, source.with_format("torch"), source.with_format("numpy"), DataLoader(source)):
        data = zoo.load_data(form, scale="none", test=0, validation=0)
        assert torch.allclose(data.train.examples(40), torch.tensor(ROWS))
        assert data.info.class_names == ("cat", "dog")
        assert data.train.labels.tolist() == [1, 0] * 20
    both = datasets.DatasetDict({"train": source, "validation": source.select(range(5))})
    assert len(zoo.load_data(both).validation) == 5
    stream = source.to_iterable_dataset()
    assert len(zoo.load_data(stream, test=0, validation=0).train) == 40
