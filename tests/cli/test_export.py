"""``zoo-cli export``."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_pretrained_model_is_exported(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("export", "vae-mlp-2d.digits", "--format", "pt2", "--json")
    assert outcome.status == 0, outcome.err
    facts = json.loads(outcome.out)
    assert facts["directory"] == "vae-mlp-2d.digits-pt2"
    assert all((tmp_path / facts["directory"] / name).is_file() for name in facts["files"])
    again = cli("export", "vae-mlp-2d.digits", "--format", "pt2")
    assert again.status == 2
    assert "not empty" in again.err
