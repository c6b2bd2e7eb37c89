"""A third-party wheel that adds a prior, a regulariser with an adversary, and a callback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.installed import CLI, EXAMPLES, install, interpreter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return interpreter(install("zoo-extras", tmp_path_factory.mktemp("zoo-extras")))


@pytest.fixture(scope="module")
def trained(python, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "adversarial"
    recipe = str(EXAMPLES / "zoo-extras" / "recipes" / "digits-adversarial.yaml")
    quick = ["evaluate.metrics=[mse]", "evaluate.figures=[]", "train.callbacks.stop.below=1000", "train.epochs=6"]
    python(*CLI, "train", recipe, "--quiet", "--out", str(folder), *(part for s in quick for part in ("--set", s)))
    return folder


def test_components_of_every_kind_are_listed(python):
    for kind, name in (("prior", "laplace"), ("regulariser", "latent_critic"), ("callback", "stop_at")):
        (line,) = [line for line in python(*CLI, "list", kind).splitlines() if line.startswith(name)]
        assert line.endswith("[zoo-extras]")


def test_the_callback_ended_training_and_added_to_its_record(trained):
    records = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [record["epochs_below"] for record in records] == [1, 2]


def test_the_critic_has_a_turn_of_its_own(trained):
    record = json.loads((trained / "metrics.jsonl").read_text().splitlines()[-1])
    assert set(record["train"]) == {"loss", "squared_error", "critic"}
    assert set(record["adversaries"]) == {"critic"}
    assert record["adversaries"]["critic"] < 0.7


def test_the_prior_was_fitted_in_closed_form_and_is_sampled(python, trained):
    script = f"""
import torch, zoo
model = zoo.load({str(trained)!r})
data = zoo.load_data("digits")
codes = model.encode(data.train.examples(len(data.train))).mean
print(torch.allclose(model.fitted_prior.centre, codes.median(0).values, atol=1e-5), model.sample(3).shape)
"""
    assert python("-c", script).strip() == "True torch.Size([3, 1, 8, 8])"


def test_the_checkpoint_says_which_package_it_needs(trained):
    components = json.loads((trained / "config.json").read_text())["components"]
    for role in ("regularisers.critic", "fitted_prior"):
        assert components[role]["distribution"] == "zoo-extras"
