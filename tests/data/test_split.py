import numpy as np
import pytest
import torch

from zoo.data import Split, load_data, split_of_tensor
from zoo.errors import DataError


@pytest.fixture(params=[False, True], ids=["held", "streamed"])
def streamed(request):
    return request.param


@pytest.fixture
def train(prepare, images, labels, streamed) -> Split:
    return prepare(images, labels, streamed=streamed).train


def test_batches_in_stored_order_cover_the_split(train):
    batches = list(train.batches(7))
    assert [len(batch.x) for batch in batches[:-1]] == [7] * (len(train) // 7)
    assert torch.equal(torch.cat([batch.x for batch in batches]), train.examples(len(train)))
    assert torch.equal(torch.cat([batch.labels for batch in batches]), train.labels)
    assert {batch.x.dtype for batch in batches} == {torch.float32}
    assert {batch.labels.dtype for batch in batches} == {torch.int64}


def test_a_batch_in_order_is_the_indexed_examples(train):
    order = torch.randperm(len(train))
    start = 0
    for batch in train.batches(8, order=order):
        chosen = order[start : start + 8]
        assert torch.equal(batch.x, train.examples(chosen))
        assert torch.equal(batch.labels, train.labels[chosen])
        start += 8


def test_the_rest_of_an_order_is_the_rest_of_the_epoch(train):
    order = torch.randperm(len(train))
    whole = list(train.batches(8, order=order))
    rest = list(train.batches(8, order=order[24:]))
    for first, second in zip(whole[3:], rest, strict=True):
        assert torch.equal(first.x, second.x)


def test_an_example_may_come_twice_and_none_may_come(train):
    assert torch.equal(train.examples([3, 3])[0], train.examples([3, 3])[1])
    assert list(train.batches(4, order=torch.tensor([], dtype=torch.int64))) == []


def test_the_first_examples(train):
    assert torch.equal(train.examples(3), train.examples(torch.arange(3)))
    assert len(train.examples(10_000)) == len(train)
    assert len(train.examples(np.int64(3))) == 3
    assert len(train.examples(np.arange(3))) == 3
    assert len(train.examples(torch.tensor(3, dtype=torch.int16))) == 3
    assert len(train.examples(torch.arange(3, dtype=torch.int32))) == 3
    assert len(train.examples([])) == 0


@pytest.mark.parametrize("wrong", [-1, 2.5, "a", [0.5], None, [[1], [2, 3]], torch.tensor(0.5), torch.tensor([True])])
def test_what_is_no_number_of_examples_is_refused(train, wrong):
    with pytest.raises(DataError, match=r"^indices: expected .*, got "):
        train.examples(wrong)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (torch.tensor([0, 1000]), "got 0 to 1000"),
        (torch.tensor([-1]), "got -1 to -1"),
        (torch.tensor([0.0]), "torch.float32"),
        (torch.tensor([[0]]), r"\(1, 1\)"),
    ],
)
def test_an_order_of_other_examples_is_refused_before_the_first_batch(train, order, said):
    with pytest.raises(DataError, match=said):
        train.batches(4, order=order)


def test_a_batch_has_an_example_at_least(train):
    with pytest.raises(DataError, match="positive batch size"):
        train.batches(0)


def test_changing_a_batch_does_not_change_the_data(prepare, streamed):
    train = prepare(torch.rand(20, 4), streamed=streamed, stored_range=None).train
    before = train.examples(5)
    next(train.batches(5)).x.zero_()
    train.examples(5).zero_()
    assert torch.equal(train.examples(5), before)


def test_batches_draw_no_random_numbers(train):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    list(train.batches(8))
    assert torch.equal(torch.get_rng_state(), state)


def test_two_iterations_do_not_disturb_each_other(train):
    first, second = train.batches(8), train.batches(8)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.x, other.x)


def test_without_labels_there_are_none(prepare, images, streamed):
    train = prepare(images, streamed=streamed).train
    assert train.labels is None
    assert next(train.batches(4)).labels is None


def test_the_meta_device_stands_for_any_other(prepare, images, labels):
    moved = prepare(images, labels).train.to("meta")
    assert moved.device.type == "meta"
    assert next(moved.batches(4)).x.device.type == "meta"
    assert next(prepare(images, labels).train.batches(4, device="meta")).x.device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("options", [{}, {"scale": "standardise"}, {"binarise": "static"}], ids=str)
def test_the_gpu_gives_the_same_batches(prepare, images, labels, streamed, options):
    train = prepare(images, labels, streamed=streamed, **options).train
    order = torch.randperm(len(train))
    expected = list(train.batches(8, order=order))
    for batches in (train.to("cuda").batches(8, order=order), train.batches(8, order=order, device="cuda")):
        for batch, known in zip(batches, expected, strict=True):
            assert batch.x.device.type == batch.labels.device.type == "cuda"
            assert torch.allclose(batch.x.cpu(), known.x, atol=1e-6)
            assert torch.equal(batch.labels.cpu(), known.labels)


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_examples_keep_the_names_of_their_files_through_every_cut(tmp_path, limit):
    from PIL import Image

    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in range(10):
            Image.new("L", (2, 2), number if kind == "cat" else 100 + number).save(tmp_path / kind / f"{number}.png")
    data = load_data(
        {"name": "image_folder", "root": str(tmp_path), "channels": 1, "in_memory_limit_mb": limit, "workers": 0}
    )
    seen = []
    for split in (data.train, data.validation, data.test):
        order = torch.randperm(len(split))
        names = split.to("cpu").for_training().names(order)
        greys = (255 * split.examples(order)[:, 0, 0, 0]).round().long()
        assert names == [f"{'cat' if grey < 100 else 'dog'}/{grey % 100}.png" for grey in greys.tolist()]
        assert [int(grey // 100) * 10 + int(grey % 100) for grey in greys] == split.positions[order].tolist()
        seen += names
    assert len(set(seen)) == 20
    assert split_of_tensor(torch.rand(3, 2)).names(torch.arange(3)) is None
