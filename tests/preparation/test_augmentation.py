"""Each change of an image does what its name says, alone and from a seed."""

import pickle
import sys

import numpy as np
import pytest
import torch

from zoo.errors import DataError
from zoo.preparation.augmentation import Augmentation
from zoo.spec.augment import AugmentSpec

pytest.importorskip("torchvision.transforms.v2")

COUNT = 400
IMAGE = torch.arange(3 * 6 * 8, dtype=torch.uint8).reshape(3, 6, 8)
BATCH = IMAGE.expand(COUNT, -1, -1, -1)


def augmented(images=BATCH, background=(0.0,), seed=0, positions=None, **changes):
    change = Augmentation(AugmentSpec(**changes), tuple(images.shape[1:]), background, seed)
    return change(images, np.arange(len(images)) if positions is None else positions)


def share_of(images, wanted):
    return float((images == wanted).flatten(1).all(1).float().mean())


@pytest.mark.parametrize(
    ("flip", "dimensions"), [("horizontal", [(-1,)]), ("vertical", [(-2,)]), ("both", [(-1,), (-2,), (-1, -2)])]
)
def test_equal_shares_of_the_images_are_mirrored(flip, dimensions):
    images, parts = augmented(flip=flip), 1 + len(dimensions)
    for wanted in (IMAGE, *(IMAGE.flip(each) for each in dimensions)):
        assert abs(share_of(images, wanted) - 1 / parts) < 4 * (1 / parts * (1 - 1 / parts) / COUNT) ** 0.5


def test_a_crop_moves_the_image_by_no_more_than_its_pixels_and_as_often_to_each_side():
    point = torch.zeros(2000, 1, 9, 9, dtype=torch.uint8)
    point[:, :, 4, 4] = 255
    places = augmented(point, crop=2, background=(7.0,)).float().sub(7).clamp(min=0).nonzero()[:, 2:] - 4
    assert len(places) == 2000
    assert places.abs().max() == 2
    assert (places.float().mean(0).abs() < 4 * (2 / 2000) ** 0.5).all()
    assert len(places.unique(dim=0)) == 25


def test_what_is_open_after_a_crop_is_background():
    images = augmented(torch.full((COUNT, 3, 6, 6), 200, dtype=torch.uint8), crop=3, background=(1.0, 2.0, 3.0))
    for channel, background in enumerate((1, 2, 3)):
        assert set(images[:, channel].unique().tolist()) == {background, 200}


def test_a_rotation_turns_by_no_more_than_its_degrees_either_way():
    bar = torch.zeros(COUNT, 1, 33, 33)
    bar[:, :, 16, 16:] = 1.0
    turned = augmented(bar, rotate=30.0)
    rows, columns = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    weights = turned[:, 0] * (rows**2 + columns**2 > 100)  # the far end, whose angle is sharp
    angles = torch.rad2deg(torch.atan2((weights * rows).sum((1, 2)), (weights * columns).sum((1, 2))))
    assert 25 < angles.max() < 31
    assert -31 < angles.min() < -25
    assert abs(angles.mean()) < 4 * 30 / 3**0.5 / COUNT**0.5


@pytest.mark.parametrize("probability", [0.25, 1.0])
def test_erasing_blanks_one_rectangle_in_a_share_of_the_images(probability):
    images = augmented(torch.full((COUNT, 1, 20, 20), 200, dtype=torch.uint8), erase=probability, background=(9.0,))
    blank = images[:, 0] == 9
    areas = blank.float().mean((1, 2))
    assert abs((areas > 0).float().mean() - probability) <= 4 * (probability * (1 - probability) / COUNT) ** 0.5
    assert areas.max() <= 0.36
    assert areas[areas > 0].min() >= 0.015
    for one in blank[areas > 0]:
        rows, columns = one.any(1), one.any(0)
        assert torch.equal(one, rows[:, None] & columns[None])


@pytest.mark.parametrize("changes", [{"flip": "both"}, {"crop": 2}, {"rotate": 45.0}, {"erase": 0.5}], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_changes_keep_the_size_and_type_and_follow_seed_and_positions_alone(changes, dtype):
    images = BATCH[:60].to(dtype)
    before = images.clone()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = augmented(images, **changes)
    assert torch.equal(torch.get_rng_state(), state)
    assert (first.shape, first.dtype) == (images.shape, dtype)
    assert torch.equal(images, before)
    torch.manual_seed(4)
    assert torch.equal(augmented(images, **changes), first)
    assert not torch.equal(augmented(images, seed=1, **changes), first)
    assert not torch.equal(augmented(images, positions=np.arange(60)[::-1].copy(), **changes), first)
    assert len(first.unique(dim=0)) > 1, "each image is changed on its own"


def test_changes_are_applied_together_in_a_stated_order():
    """A crop after a rotation: the outer pixels that the crop opens are background, whatever the angle."""
    images = augmented(torch.full((50, 1, 8, 8), 100, dtype=torch.uint8), rotate=90.0, crop=8, flip="both", erase=1.0)
    assert images.shape == (50, 1, 8, 8)
    assert set(images.unique().tolist()) <= set(range(101))


def test_no_images_stay_none():
    assert augmented(BATCH[:0], flip="both").shape == (0, 3, 6, 8)


def test_it_goes_to_worker_processes():
    change = Augmentation(AugmentSpec(flip="both", rotate=9.0, crop=1, erase=0.5), (3, 6, 8), (0.0,), 0)
    again = pickle.loads(pickle.dumps(change))
    assert torch.equal(again(BATCH[:9], np.arange(9)), change(BATCH[:9], np.arange(9)))


def test_without_torchvision_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.transforms.v2", None)
    with pytest.raises(DataError, match="augmentation needs torchvision, which cannot be imported") as caught:
        augmented(flip="both")
    assert caught.value.where == "data.augment"
    assert "pip install torchvision" in caught.value.remedy


@pytest.mark.parametrize(
    "changes", [{"flip": "sideways"}, {"rotate": 181.0}, {"rotate": -1.0}, {"crop": -1}, {"erase": 1.5}, {"blur": 1}]
)
def test_other_changes_are_refused(changes):
    with pytest.raises(ValueError, match="AugmentSpec"):
        AugmentSpec(**changes)
