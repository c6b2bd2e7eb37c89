import itertools
from collections.abc import Callable

import pytest
import torch

from zoo import registry
from zoo.data import Data, load_data
from zoo.datasets import Collection, Dataset, Indexable, Stored
from zoo.spec import DataSpec


class Rows(Indexable):
    """Hands out the rows of tensors when asked, as a dataset does that does not fit in memory."""

    def __init__(self, examples, labels):
        self.examples, self.labels = examples, labels

    def __len__(self):
        return len(self.examples)

    def read(self, indices):
        return self.examples[indices], None if self.labels is None else self.labels[indices]


Prepare = Callable[..., Data]


@pytest.fixture
def prepare() -> Prepare:
    """Prepare tensors, or a whole collection, as a recipe's `data` section would: held or streamed."""
    numbers = itertools.count()

    def run(
        examples=None, labels=None, *, collection=None, streamed=False, stored_range=(0.0, 255.0), like=None,
        whole=False, **options,
    ):  # fmt: skip
        made = collection or Collection({"train": Stored(examples, labels)}, stored_range)
        if streamed:
            rows = {
                name: Stored(Rows(stored.examples, stored.labels), stored.labels)
                for name, stored in made.splits.items()
            }
            made = Collection(rows, made.stored_range, made.class_names)

        class Prepared(Dataset):
            def __init__(self) -> None: ...

            def load(self, note):
                return made

        name = f"prepared_{next(numbers)}"
        registry.register("dataset", name)(type(f"Prepared{name}", (Prepared,), {}))
        spec = DataSpec.model_validate({"name": name, "workers": 0, **options})
        return load_data(spec, like=like, whole=whole)

    return run


@pytest.fixture
def images() -> torch.Tensor:
    """60 images (3, 9, 7) of random bytes."""
    return torch.randint(0, 256, (60, 3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.arange(60) % 4
