import hashlib

import pytest
import torch

from zoo.datasets.digits import Digits


def test_the_file_is_scikit_learns_copy():
    sklearn_datasets = pytest.importorskip("sklearn.datasets", reason="compares with scikit-learn's copy")
    source = sklearn_datasets.load_digits()
    stored = Digits().load(print).splits["train"]
    assert torch.equal(stored.examples[:, 0].double(), torch.from_numpy(source.images))
    assert torch.equal(stored.labels, torch.from_numpy(source.target).long())


def test_the_file_is_the_one_that_published_figures_were_measured_on():
    stored = Digits().load(print).splits["train"]
    assert stored.examples.shape == (1797, 1, 8, 8)
    assert stored.examples.dtype == torch.uint8
    assert (int(stored.examples.min()), int(stored.examples.max())) == (0, 16)
    assert torch.bincount(stored.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    content = stored.examples.numpy().tobytes() + stored.labels.numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == "65e5b4619795efb40c1082f4c350c049e4ad552200d369b6ae99e21eef5e72c5"
