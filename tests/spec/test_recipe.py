"""What a recipe, and each section of it, accepts and fills in."""

from __future__ import annotations

import math

import pytest
from pydantic import BaseModel, ValidationError

from zoo.spec import ComponentSpec, DataSpec, Duration, ModelSpec, Recipe, TrainSpec
from zoo.spec.recipe import EvaluateSpec
from zoo.spec.training import EarlyStoppingSpec, ScheduleSpec

SECTIONS = [DataSpec, Duration, EarlyStoppingSpec, EvaluateSpec, ModelSpec, Recipe, ScheduleSpec, TrainSpec]
MODEL = {"objective": "vae", "latent_dim": 2, "encoder": "mlp", "posterior": "point", "decoder": "mlp"}
GOOD = {"name": "mine", "model": MODEL, "data": "digits"}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_field_is_described(section):
    undescribed = [
        name
        for name, field in section.model_fields.items()
        if not field.description
        and not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]
    assert undescribed == []


@pytest.mark.parametrize("section", [section for section in SECTIONS if section is not DataSpec])
def test_unknown_fields_are_refused(section):
    with pytest.raises(ValidationError, match="no_such_field"):
        section.model_validate({"no_such_field": 1})


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_validated_does_not_change(section):
    assert section.model_config["frozen"]
    assert section.model_config["strict"]


def test_a_component_is_a_name_or_a_mapping():
    assert ComponentSpec.model_validate("conv") == ComponentSpec.model_validate({"name": "conv"})
    assert DataSpec.model_validate("digits") == DataSpec.model_validate({"name": "digits"})
    assert ScheduleSpec.model_validate("cosine") == ScheduleSpec(name="cosine")
    assert Recipe.model_validate(GOOD).data.name == "digits"


def test_options_stand_beside_the_name():
    spec = ComponentSpec.model_validate({"name": "conv", "channels": [8], "options": 3})
    assert spec.options == {"channels": [8], "options": 3}
    assert spec.with_options({"depth": 2}).model_dump() == {"name": "conv", "depth": 2}


def test_a_dataset_keeps_its_own_options_apart_from_those_of_all_data():
    spec = DataSpec.model_validate({"name": "mnist", "root": "here", "binarise": "static"})
    assert spec.options == {"root": "here"}
    assert spec.component == ComponentSpec.model_validate({"name": "mnist", "root": "here"})


@pytest.mark.parametrize("steps_per_epoch", [1, 7])
def test_a_duration_is_in_steps_or_in_epochs(steps_per_epoch):
    assert Duration(epochs=3).in_steps(steps_per_epoch) == 3 * steps_per_epoch
    assert Duration(steps=3).in_steps(steps_per_epoch) == 3
    assert Duration(epochs=0).in_steps(steps_per_epoch) == 0


@pytest.mark.parametrize("fields", [{}, {"epochs": 1, "steps": 1}, {"epochs": -1}, {"steps": 1.5}])
def test_a_duration_is_one_number(fields):
    with pytest.raises(ValidationError):
        Duration.model_validate(fields)


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        (TrainSpec, {"epochs": 0}),
        (TrainSpec, {"epochs": True}),
        (TrainSpec, {"epochs": "3"}),
        (TrainSpec, {"batch_size": -1}),
        (TrainSpec, {"clip_norm": 0.0}),
        (TrainSpec, {"clip_norm": math.inf}),
        (TrainSpec, {"precision": "fp16"}),
        (TrainSpec, {"device": "gpu"}),
        (ScheduleSpec, {"rise": 1.0}),
        (ScheduleSpec, {"start": math.nan}),
        (DataSpec, {"name": "digits", "validation": 1.0}),
        (DataSpec, {"name": "digits", "test": math.nan}),
        (DataSpec, {"name": "digits", "resize": [8]}),
        (DataSpec, {"name": "digits", "pad": -1}),
        (Recipe, {**GOOD, "seed": -1}),
        (Recipe, {**GOOD, "seed": 2**63}),
        (Recipe, {**GOOD, "name": "a/b"}),
        (Recipe, {**GOOD, "name": ""}),
        (ModelSpec, {**MODEL, "latent_dim": 0}),
        (ModelSpec, {**MODEL, "data_shape": []}),
        (ModelSpec, {**MODEL, "data_shape": [1, 0]}),
        (ModelSpec, {**MODEL, "classes": 0}),
    ],
)
def test_values_outside_their_range_are_refused(section, fields):
    with pytest.raises(ValidationError):
        section.model_validate(fields)


def test_options_without_a_name_are_those_of_the_default_optimiser():
    assert TrainSpec.model_validate({"optimizer": {"lr": 0.1}}).optimizer.model_dump() == {"name": "adam", "lr": 0.1}
    assert TrainSpec.model_validate({"optimizer": {"name": "sgd"}}).optimizer.options == {}


def test_plain_data_come_out():
    document = Recipe.model_validate({**GOOD, "model": {**MODEL, "data_shape": [1, 8, 8]}}).to_dict()
    assert document["model"]["data_shape"] == [1, 8, 8]
    assert document["model"]["prior"] == {"name": "standard_gaussian"}
    assert document["train"]["schedule"]["warmup"] == {"epochs": 0, "steps": None}
    assert Recipe.model_validate(document).to_dict() == document
