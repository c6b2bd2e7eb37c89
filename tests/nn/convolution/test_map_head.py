"""The layer that returns the parameters of a distribution over maps."""

from __future__ import annotations

import pytest
import torch

from zoo.errors import ComponentError
from zoo.nn.convolution.map_head import MapHead


def test_it_is_one_linear_layer_at_every_place_in_float32() -> None:
    torch.manual_seed(0)
    head, h = MapHead((3, 4, 5), 2).bfloat16(), torch.randn(6, 3, 4, 5).bfloat16()
    expected = torch.einsum("oc, bchw -> bohw", head.weight[..., 0, 0].float(), h.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = head(h)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected + head.bias.float()[:, None, None])


@pytest.mark.parametrize("shape", [(3,), (3, 4), (1, 3, 4, 5)])
def test_features_that_are_no_maps_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ComponentError, match=r"expected feature maps \(C, h, w\)"):
        MapHead(shape, 2)
