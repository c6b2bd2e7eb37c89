"""Commands find the data of a run from any folder."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def project(tmp_path):
    """A project with two recipes that name their data by relative paths, each trained in it."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "project"
    (folder / "photos").mkdir(parents=True)
    np.save(folder / "x.npy", rng.integers(0, 256, (40, 8, 8), dtype=np.uint8))
    for number in range(20):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / "photos" / f"{number}.png")
    for name, data in (("arrays", "path: x.npy"), ("image_folder", "root: photos")):
        (folder / f"{name}.yaml").write_text(
            "model: {preset: vae-mlp-2d, encoder: {widths: [4]}, decoder: {widths: [4]}}\n"
            f"data: {{name: {name}, {data}}}\n"
            "train: {epochs: 1}\nevaluate: {metrics: [elbo], figures: []}\n"
        )
    return folder


@pytest.mark.parametrize("name", ["arrays", "image_folder"])
def test_a_run_is_looked_at_from_another_folder(cli, project, monkeypatch, name):
    monkeypatch.chdir(project)
    assert cli("train", f"{name}.yaml", "--quiet").status == 0
    run = f"project/runs/{name}"
    monkeypatch.chdir(project.parent)
    for command in (
        ("evaluate", run, "--metric", "elbo"),
        ("plot", run, "reconstructions", "--out", "figures"),
        ("train", f"project/{name}.yaml", "--out", run, "--resume", "--quiet"),
        ("train", f"{run}/recipe.yaml", "--resume", "--quiet"),
    ):
        outcome = cli(*command)
        assert outcome.status == 0, outcome.err
    monkeypatch.chdir(project)
    (project / "x.npy").unlink()
    (project / "photos").rename(project / "moved")
    outcome = cli("evaluate", f"runs/{name}", "--metric", "elbo")
    assert outcome.status == 2
    assert str(project / ("x.npy" if name == "arrays" else "photos")) in outcome.err
