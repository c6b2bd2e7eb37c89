"""An error leads to the line or the override that wrote the field."""

from __future__ import annotations

import pytest

from zoo.errors import RecipeError
from zoo.spec.origin import Origin, field_keys, join_lines

TEXT = "model:\n  preset: vae-mlp-2d\n  latent_dim: 2\ntrain: {epochs: 3}\n"


@pytest.fixture
def origin(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXT)
    return Origin("recipe.yaml", path, ("train.optimizer=adm", "train.optimizer.lr=1", "model.latent_dim=3"))


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("model", "recipe.yaml, line 1, with --set model.latent_dim=3"),
        ("model.preset", "recipe.yaml, line 2"),
        ("model.encoder.widths[0]", "recipe.yaml, line 1"),
        ("train.epochs", "recipe.yaml, line 4"),
        ("model.latent_dim", "--set model.latent_dim=3"),
        ("train.optimizer", "--set train.optimizer=adm"),
        ("train.optimizer.name", "--set train.optimizer=adm"),
        ("train.optimizer.lr", "--set train.optimizer.lr=1"),
        ("data.name", "recipe.yaml"),
        ("", "recipe.yaml"),
    ],
)
def test_a_field_leads_to_what_wrote_it(origin, field, place):
    assert origin.place(field) == place


def test_overrides_that_were_overwritten_are_not_named():
    overrides = ("model.posterior.floor=4", "model.posterior=point", "model.latent_dim=3", "model.posterior.floor=5")
    place = Origin("recipe", None, overrides).place("model")
    assert (
        place == "recipe, with --set model.posterior=point, with --set model.latent_dim=3, with --set " + overrides[3]
    )


def test_a_key_that_begins_alike_is_another(tmp_path):
    assert Origin("recipe", None, ("train.epoch=1",)).place("train.epochs") == "recipe"


def test_errors_are_located_once(origin):
    with pytest.raises(RecipeError, match=r"^recipe\.yaml, line 4: train\.epochs: wrong$"), origin.located():
        raise RecipeError("wrong", where="train.epochs")
    with pytest.raises(RecipeError, match=r"^recipe\.yaml: wrong$"), origin.located():
        raise RecipeError("wrong")


def test_several_problems_stand_in_a_line_each(origin):
    problems = [("train.epochs", "wrong"), ("model.latent_dim", "wrong too"), ("data", "missing")]
    assert join_lines(problems, origin).splitlines() == [
        "3 fields are wrong:",
        "  line 4: train.epochs: wrong",
        "  --set model.latent_dim=3: model.latent_dim: wrong too",
        "  data: missing",
    ]


def test_the_keys_of_a_path():
    assert field_keys("evaluate.metrics[12].num_samples") == ("evaluate", "metrics", 12, "num_samples")
    assert field_keys("") == ()
