"""The classifier of a dataset: trained once, always the same, kept whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import zoo
from zoo.analysis import dataset_features
from zoo.analysis.dataset_features import dataset_classifier, fingerprint, train_classifier
from zoo.data import Data, split_of_tensor
from zoo.errors import DataError, ZooWarning
from zoo.spec import DataSpec


@pytest.fixture(scope="module")
def data() -> Data:
    return zoo.load_data(zoo.load_recipe("digits").data)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_features, "_STEPS", 20)


def test_it_knows_digits_it_has_not_seen(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_features, "_STEPS", 160)
    found = train_classifier(data.train)(data.test.examples(270)).argmax(1)
    assert (found == data.test.labels).double().mean() > 0.9


def test_it_is_trained_once_and_the_same_from_the_cache(data: Data, tmp_path: Path, monkeypatch) -> None:
    """Neither a cold nor a warm cache touches the stream of noise, so metrics do not depend on the cache."""
    state = torch.get_rng_state()
    first = dataset_classifier(data.train, cache=tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(dataset_features, "train_classifier", lambda _: pytest.fail("trained twice"))
    second = dataset_classifier(data.train, cache=tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    x = data.test.examples(9)
    assert torch.equal(first.features(x), second.features(x))
    assert not any(parameter.requires_grad for parameter in second.parameters())


def test_a_damaged_file_is_made_anew(data: Data, tmp_path: Path) -> None:
    dataset_classifier(data.train, cache=tmp_path)
    (file,) = tmp_path.glob("digits-*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    dataset_classifier(data.train, cache=tmp_path)
    assert file.read_bytes() == whole


def test_other_data_have_another_key(data: Data) -> None:
    binary = zoo.load_data(zoo.load_recipe("digits", ["data.binarise=dynamic"]).data)
    keys = [fingerprint(split) for split in (data.train, data.test, binary.train, binary.train)]
    assert keys[2] == keys[3]
    assert len(set(keys)) == 3


def test_a_folder_that_cannot_be_written_costs_time_only(data: Data, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(ZooWarning, match="the classifier is not cached"):
        dataset_classifier(data.train, cache=tmp_path / "file" / "below")


def test_vectors_have_features_too(tmp_path: Path) -> None:
    x = torch.randn(200, 5)
    split = split_of_tensor(x, (x[:, 0] > 0).long())
    assert dataset_classifier(split, cache=tmp_path).features(x).shape == (200, 32)


def test_without_classes_there_is_nothing_to_learn(tmp_path: Path) -> None:
    for labels in (None, torch.zeros(9, dtype=torch.long)):
        with pytest.raises(DataError, match=r"at least two classes.*\n.*features="):
            dataset_classifier(split_of_tensor(torch.rand(9, 4), labels), cache=tmp_path)


def test_data_in_another_range_are_seen_in_the_same_features(tmp_path):
    unit, symmetric = (
        zoo.load_data(DataSpec(name="digits", scale=scale, subset=300)).train for scale in ("unit", "symmetric")
    )
    one, other = dataset_classifier(unit, cache=tmp_path), dataset_classifier(symmetric, cache=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    found, expected = other.features(symmetric.examples(20)), one.features(unit.examples(20))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    trained = train_classifier(symmetric).state_dict()
    assert all(torch.equal(tensor, trained[name]) for name, tensor in train_classifier(unit).state_dict().items())


def test_one_example_among_many_makes_other_data():
    x, labels = torch.rand(500, 4), torch.arange(500) % 2
    changed = x.clone()
    changed[400] = 0.5
    assert fingerprint(split_of_tensor(x, labels)) == fingerprint(split_of_tensor(x.clone(), labels))
    assert fingerprint(split_of_tensor(x, labels)) != fingerprint(split_of_tensor(changed, labels))
