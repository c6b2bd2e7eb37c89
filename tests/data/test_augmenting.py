"""Training images are augmented, and no others."""

import sys

import pytest
import torch
from accelerate import Accelerator

import zoo
from zoo.errors import DataError
from zoo.spec import TrainSpec
from zoo.training.loop import Trainer
from zoo.utils.seeds import epoch_order

pytest.importorskip("torchvision.transforms.v2")

AUGMENT = {"flip": "both", "crop": 2, "rotate": 20.0, "erase": 0.3}


def epoch(split, order=None, size=8):
    return torch.cat([batch.x for batch in split.batches(size, order=order)])


@pytest.mark.parametrize("streamed", [False, True])
def test_only_the_split_for_training_is_changed(prepare, images, labels, streamed):
    plain = prepare(images, labels, streamed=streamed)
    data = prepare(images, labels, streamed=streamed, augment=AUGMENT)
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        assert torch.equal(epoch(split), epoch(getattr(plain, name)))
        assert torch.equal(split.examples(5), getattr(plain, name).examples(5))
        if name != "train":
            assert split.for_training() is split
    changed = data.train.for_training()
    assert not torch.equal(epoch(changed), epoch(data.train))
    assert torch.equal(changed.labels, data.train.labels)
    assert epoch(changed).shape == epoch(data.train).shape
    assert (epoch(changed).min(), epoch(changed).max()) == (0, 1)
    assert torch.equal(epoch(data.train), epoch(plain.train)), "the stored images stay as they are"
    assert plain.train.for_training() is plain.train
    assert data.train.digest() == plain.train.digest()


@pytest.mark.parametrize(
    "options", [{}, {"pad": 1}, {"resize": [8, 8], "fit": "crop"}, {"binarise": "static"}], ids=str
)
def test_held_and_streamed_images_are_changed_alike_in_any_number_of_workers(prepare, images, options):
    order = torch.randperm(46)
    results = []
    for streamed, workers in ((False, 0), (True, 0), (True, 2)):
        data = prepare(images, streamed=streamed, workers=workers, augment=AUGMENT, **options)
        results.append(epoch(data.train.for_training(), order))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_each_epoch_is_new_and_the_rest_of_one_is_as_it_would_have_been(prepare, images):
    train = prepare(images, augment=AUGMENT).train.for_training()
    first, second = (epoch_order(len(train), 0, number) for number in (0, 1))
    whole = epoch(train, first)
    assert torch.equal(epoch(train, first), whole)
    assert torch.equal(epoch(train, first[16:]), whole[16:])
    assert not torch.equal(epoch(train, second)[second.argsort()], whole[first.argsort()])


def test_changes_come_before_scale_and_binarisation(prepare):
    white = torch.full((60, 1, 8, 8), 255, dtype=torch.uint8)
    for options, values in (({"scale": "symmetric"}, {-1.0, 1.0}), ({"binarise": "dynamic"}, {0.0, 1.0})):
        train = prepare(white, augment={"crop": 3}, **options).train.for_training()
        assert set(epoch(train).unique().tolist()) == values


def test_the_trainer_trains_on_changed_images_and_validates_on_others(prepare, images):
    data = prepare(images, augment={"erase": 1.0}, validation=0.0)
    model = zoo.build("vae-mlp-2d", data_shape=data.info.data_shape)
    trainer = Trainer(model, data, TrainSpec(batch_size=8, device="cpu"), 0, Accelerator(cpu=True))
    order = torch.arange(len(data.train))
    seen = torch.cat([batch.x for batch in trainer.stepper.batches(order)])
    assert not torch.equal(seen, epoch(data.train))
    assert torch.equal(seen, epoch(data.train.for_training()))
    assert torch.equal(epoch(trainer.train_split), epoch(data.train))


@pytest.mark.parametrize("augment", [None, {}])
def test_no_change_costs_nothing(prepare, images, augment):
    train = prepare(images, augment=augment).train
    assert train.for_training() is train
    assert not train.draws


def test_vectors_are_refused(prepare):
    with pytest.raises(DataError, match="expected images") as caught:
        prepare(torch.randn(50, 3), stored_range=None, augment={"flip": "horizontal"})
    assert caught.value.where == "data.augment"


def test_captured_steps_are_told_of_it(prepare, images):
    assert prepare(images, augment=AUGMENT).train.draws


def test_without_torchvision_built_in_data_train_and_augmentation_says_what_to_install(tmp_path, monkeypatch):
    for name in ("torchvision", *(name for name in sys.modules if name.startswith("torchvision."))):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "torchvision.transforms.v2", None)
    settings = ["train.epochs=1", "data.subset=100", "evaluate.metrics=[elbo]", "evaluate.figures=[]"]
    assert zoo.train("digits", out=tmp_path / "run", overrides=settings).evaluation["metrics"]
    with pytest.raises(DataError, match="augmentation needs torchvision") as caught:
        zoo.train("digits", out=tmp_path / "other", overrides=[*settings, "data.augment.flip=horizontal"])
    assert "pip install torchvision" in caught.value.remedy
    assert not (tmp_path / "other").exists()
