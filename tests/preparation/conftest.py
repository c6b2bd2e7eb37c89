import pytest
import torch


@pytest.fixture
def images() -> torch.Tensor:
    """60 images (3, 9, 7) of random bytes."""
    return torch.randint(0, 256, (60, 3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
