"""Train the pretrained models that ship with the package, and write them to ``zoo/pretrained/``.

Each is what a bundled recipe makes on one CPU thread; some minutes for all of them:

    python -m benchmarks pretrained            # all
    python -m benchmarks pretrained digits     # that of one recipe
    python -m benchmarks pretrained --figures-only    # measure what is there, after a change of a metric

Beside the weights of a model stand its configuration, its recipe and its evaluation, and its index file says where
they are, their checksum, and their figures. ``tests/hub/test_pretrained.py`` computes the figures again.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

import zoo
from zoo.checkpoints.checkpoint import load
from zoo.evaluation.evaluate import choose_metrics, evaluation_context, record
from zoo.hub.transfer import checksums
from zoo.runs.directory import EVALUATION, RECIPE, RunDirectory
from zoo.spec.documents import to_yaml
from zoo.utils.files import write_text
from zoo.utils.text import readable_size

SHELF = Path(zoo.__file__).parent / "pretrained"
RECIPES = ("digits", "digits-ae-small", "digits-full-small", "digits-conv-small", "digits-denoiser-small")
FILES = ("config.json", "model.safetensors", RECIPE, EVALUATION)
# Not what the hardware is fastest with, but what every machine can repeat.
OVERRIDES = ["train.precision=fp32", "train.device=cpu"]


def make(recipe: str) -> str:
    """Train one recipe and put what came of it on the shelf; return the name of the model."""
    with tempfile.TemporaryDirectory() as folder:
        run = zoo.train(recipe, out=Path(folder) / recipe, overrides=OVERRIDES)
        name = f"{run.recipe.model.preset}.{run.recipe.data.name}"
        shutil.rmtree(SHELF / name, ignore_errors=True)
        (SHELF / name).mkdir(parents=True)
        for file in FILES:
            shutil.copyfile(run.path / file, SHELF / name / file)
    return name


def measure(name: str) -> None:
    """Measure a model of the shelf, but for what is compared by a classifier that each machine trains for itself."""
    run = RunDirectory(SHELF / name)
    recipe = run.read_recipe()
    before = run.read_evaluation() or {}
    context = evaluation_context(load(run.path), zoo.load_data(recipe.data), "test")
    metrics = [each for each in choose_metrics(context, recipe.evaluate.metrics) if each.spec.name != "sample_quality"]
    made = record(context, metrics, "test", recipe.seed)
    run.write_evaluation({**before, **made})


def write_entry(name: str) -> None:
    """Write the index file of a model of the shelf."""
    run = RunDirectory(SHELF / name)
    recipe, evaluation = run.read_recipe(), run.read_evaluation() or {}
    entry = {
        "description": recipe.description,
        "source": name,
        "sha256": checksums(run.path / "model.safetensors")[0],
        "recipe": recipe.name,
        "evaluation": {key: value for key, value in evaluation["metrics"].items() if isinstance(value, float)},
    }
    write_text(SHELF / f"{name}.yaml", to_yaml(entry))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the models of the recipes named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("--figures-only", action="store_true", help="Measure all models anew, and train none.")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.figures_only:
        names = [folder.name for folder in sorted(SHELF.iterdir()) if folder.is_dir()]
    else:
        names = [make(recipe) for recipe in options.recipes or RECIPES]
    for name in names:
        measure(name)
        write_entry(name)
        print(f"{name:<24}{readable_size((SHELF / name / 'model.safetensors').stat().st_size)}", flush=True)
    total = sum(path.stat().st_size for path in SHELF.rglob("*") if path.is_file())
    print(f"{'all':<24}{readable_size(total)}")
