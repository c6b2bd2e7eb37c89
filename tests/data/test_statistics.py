import pytest
import torch

from zoo.data.statistics import standardisation
from zoo.data.store import MemoryStore
from zoo.errors import DataError
from zoo.preparation.column_encoding import ColumnEncoding
from zoo.spec.column_description import ColumnDescription


def test_statistics_agree_with_one_pass_over_all():
    torch.manual_seed(0)
    examples = torch.randn(2500, 3, 4) * 3 + 1000
    scaling = standardisation(MemoryStore(examples, None, torch.arange(2500)))
    assert torch.allclose(scaling.shift.double(), examples.double().mean(0))
    assert torch.allclose(scaling.span.double(), examples.double().std(0, correction=0))


def test_a_constant_feature_keeps_its_deviation():
    examples = torch.full((2500, 1), 0.1)
    scaling = standardisation(MemoryStore(examples, None, torch.arange(2500)))
    assert scaling.span.item() == 1
    assert (scaling(examples).abs() < 1e-7).all()


@pytest.mark.parametrize("scale", [1e45, 1e-60])
def test_values_beyond_32_bits_are_refused_by_name(scale: float) -> None:
    examples = torch.stack([torch.ones(10), scale * torch.arange(10.0, dtype=torch.float64)], 1)
    with pytest.raises(DataError, match=r"data: expected values that can be scaled in 32 bits, .* value 1 of"):
        standardisation(MemoryStore(examples, None, torch.arange(10)))


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_values_that_32_bits_hold_are_standardised(scale: float) -> None:
    scaling = standardisation(MemoryStore(scale * torch.arange(10.0)[:, None], None, torch.arange(10)))
    assert scaling(scale * torch.arange(10.0)[:, None]).std(correction=0).item() == pytest.approx(1, rel=1e-5)


def test_the_column_of_a_table_is_named() -> None:
    columns = [ColumnDescription(name="pet", type="categorical", categories=("a", "b")), ColumnDescription(name="far")]
    rows = torch.tensor([[0.0, 1e40], [1.0, 2e40]], dtype=torch.float64)
    with pytest.raises(DataError, match=r"got 1e\+40 to 2e\+40 in the column 'far'"):
        standardisation(MemoryStore(rows, None, torch.arange(2)), ColumnEncoding(columns))
