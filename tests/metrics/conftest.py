"""The network of FID with random weights, since the published ones are a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def weights() -> dict[str, Tensor]:
    """Return random weights for the network that papers use."""
    reason = "torchmetrics[image] is not installed, which FID is measured with"
    pytest.importorskip("torchmetrics", reason=reason)
    network = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason=reason)

    class Untrained(network.FeatureExtractorInceptionV3):
        def load_state_dict(self, state: object, **options: object) -> None:
            """Keep the random weights."""

    draw = torch.nn.init.kaiming_uniform_

    def draw_small(tensor: Tensor, *arguments: Any, **options: Any) -> Tensor:
        """Return random weights for the first layers, which the tests use."""
        return draw(tensor, *arguments, **options) if tensor.numel() < 200_000 else torch.nn.init.zeros_(tensor)

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.init, "kaiming_uniform_", draw_small)
        patch.setattr(network, "load_state_dict_from_url", lambda *args, **options: {})
        return Untrained("inception", ["64"]).state_dict()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: dict[str, Tensor]) -> Path:
    """Return where the weights are looked for, in a cache that is empty."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / URL_INCEPTION_V3.rpartition("/")[2]


@pytest.fixture
def inception(cached: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the weights, which is there."""
    torch.save(weights, cached)
    # Drawing weights that those of the file replace takes as long as everything else.
    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", lambda tensor, *arguments, **options: tensor)
    return cached
