import pytest
import torch

from zoo.data import split_of_tensor
from zoo.errors import DataError


@pytest.mark.parametrize(("low", "high", "bounds"), [(0, 1, (0, 1)), (-1, 1, (-1, 1)), (-2, 1, None)])
def test_a_tensor_is_used_as_it_is_in_the_range_that_it_has(low, high, bounds):
    x = torch.linspace(low, high, 12).reshape(6, 2)
    split = split_of_tensor(x, torch.arange(6))
    assert torch.equal(torch.cat([batch.x for batch in split.batches(4)]), x)
    assert torch.equal(split.labels, torch.arange(6))
    assert split.info.data_range == bounds


@pytest.mark.parametrize(
    ("x", "labels", "said"),
    [
        (torch.zeros(4), None, "floating-point examples"),
        (torch.zeros(4, 2, dtype=torch.uint8), None, "got .* of torch.uint8"),
        (torch.full((4, 2), torch.nan), None, "expected finite values"),
        (torch.zeros(4, 2), torch.zeros(3), r"labels of shape \(4,\)"),
    ],
)
def test_another_tensor_is_refused(x, labels, said):
    with pytest.raises(DataError, match=said):
        split_of_tensor(x, labels)
