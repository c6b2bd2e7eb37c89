import torch

from zoo.data.statistics import standardisation
from zoo.data.store import MemoryStore


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
