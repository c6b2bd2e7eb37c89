"""The example of a third-party package, as its users get it: a wheel beside an installed latent-zoo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zoo
from tests.installed import CLI, EXAMPLES, install, interpreter

pytestmark = pytest.mark.slow

EXAMPLE = EXAMPLES / "zoo-flows"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder that the wheel of the example is installed into."""
    return install("zoo-flows", tmp_path_factory.mktemp("zoo-flows"))


@pytest.fixture(scope="module")
def python(site):
    """Run an interpreter that finds the example, and return what it prints."""
    return interpreter(site)


@pytest.fixture(scope="module")
def trained(python, tmp_path_factory) -> Path:
    """A run of the example's recipe."""
    folder = tmp_path_factory.mktemp("runs") / "planar"
    recipe = str(EXAMPLE / "recipes" / "digits-planar.yaml")
    quick = ["train.epochs=1", "evaluate.metrics=[elbo]", "evaluate.figures=[]"]
    python(*CLI, "train", recipe, "--quiet", "--out", str(folder), *(part for s in quick for part in ("--set", s)))
    return folder


def test_it_is_listed_with_its_distribution(python):
    (line,) = [line for line in python(*CLI, "list", "posterior").splitlines() if line.startswith("planar_flow")]
    assert line.endswith("[zoo-flows]")


def test_it_is_shown_with_its_options(python):
    (facts,) = json.loads(python(*CLI, "show", "planar_flow", "--json"))
    assert (facts["kind"], facts["distribution"]) == ("posterior", "zoo-flows 0.1.0")
    assert facts["options"] == {"flows": {"type": "int ≥ 1", "default": "4"}}


def test_the_schema_completes_it(python):
    definitions = json.loads(python(*CLI, "schema"))["$defs"]
    assert definitions["posterior.planar_flow"]["properties"]["flows"]["exclusiveMinimum"] == 0


def test_its_recipe_trains_and_reloads_to_the_same_bits(python, trained):
    config = json.loads((trained / "config.json").read_text())
    assert config["components"]["posterior"] == {
        "name": "planar_flow",
        "distribution": "zoo-flows",
        "version": "0.1.0",
    }
    program = f"""
import torch, zoo
x, figures = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)), []
first = zoo.load({str(trained)!r})
second = zoo.load(zoo.save(first, {str(trained.parent / "copy")!r}))
for model in (first, second):
    torch.manual_seed(0)
    figures.append(torch.cat([model.log_likelihood(x, num_samples=7), model.sample(2).flatten()]))
print(type(first.encode(x)).__name__, torch.equal(*figures))
"""
    assert python("-c", program).split() == ["TransformedDistribution", "True"]


def test_without_it_its_checkpoint_names_it(trained):
    with pytest.raises(zoo.ZooError, match=r"'planar_flow' is not installed\n.*'zoo-flows' 0\.1\.0") as caught:
        zoo.load(trained)
    assert "config.json" in str(caught.value)


def test_without_it_its_recipe_is_refused():
    with pytest.raises(zoo.ZooError, match=r"model\.posterior: unknown posterior 'planar_flow'"):
        zoo.build(zoo.load_recipe(EXAMPLE / "recipes" / "digits-planar.yaml").model, data_shape=(1, 8, 8))


def test_its_own_tests_pass(python):
    report = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE / "tests"))
    assert " passed" in report
