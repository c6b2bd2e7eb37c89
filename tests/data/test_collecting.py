"""A dataset is found by name; a wrong name, option or path is refused by its field."""

from __future__ import annotations

import pytest

from zoo import registry
from zoo.data import load_data
from zoo.errors import ComponentError, DataError
from zoo.spec import DataSpec


def test_an_unknown_dataset_gets_the_nearest_name():
    with pytest.raises(ComponentError) as caught:
        load_data(DataSpec(name="digit"))
    assert caught.value.where == "data.name"
    assert "'digits'" in caught.value.remedy


def test_an_unknown_option_gets_the_nearest_name():
    with pytest.raises(ComponentError, match=r"data\.rooot") as caught:
        load_data(DataSpec.model_validate({"name": "mnist", "rooot": "x"}))
    assert "'root'" in caught.value.remedy


@pytest.mark.parametrize("name", ["mnist", "cifar10", "image_folder"])
def test_a_folder_that_is_not_there_is_told_by_its_field(name, tmp_path):
    options = {} if name == "image_folder" else {"download": False}
    with pytest.raises(DataError, match="nowhere") as caught:
        load_data(DataSpec.model_validate({"name": name, "root": str(tmp_path / "nowhere"), **options}))
    assert caught.value.where == "data.root"


def test_a_datasets_refusal_of_an_option_is_told_by_its_field():
    with pytest.raises(DataError) as caught:
        load_data(DataSpec.model_validate({"name": "gaussian_mixture", "weights": [0.5]}))
    assert caught.value.where == "data.weights"


@pytest.mark.parametrize("name", registry.list_components("dataset"))
def test_every_dataset_says_when_to_choose_it_and_how(name):
    text = registry.find_component("dataset", name).__doc__
    assert text
    assert "Choose it" in text
    assert "Example:" in text
