import pytest
import torch

from zoo.preparation.transforms import DynamicDraw, Geometry, Scaling, StaticDraw, Threshold


def test_padding_adds_background_on_every_side():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    padded = Geometry(pad=2, background=7)(images)
    assert padded.shape == (2, 3, 8, 9)
    assert torch.equal(padded[:, :, 2:-2, 2:-2], images)
    assert (padded[:, :, :2] == 7).all()
    assert (padded[..., -2:] == 7).all()


def test_resizing_keeps_a_constant_and_the_type():
    images = torch.full((2, 1, 9, 7), 200, dtype=torch.uint8)
    resized = Geometry(resize=(5, 12))(images)
    assert resized.shape == (2, 1, 5, 12)
    assert resized.dtype == torch.uint8
    assert (resized == 200).all()


def test_halving_averages_instead_of_skipping():
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(8).expand(1, 1, 16, 16).contiguous()
    halved = Geometry(resize=(8, 8))(stripes)
    # Without antialiasing, every other column would vanish or fill the image.
    assert ((halved > 60) & (halved < 195)).all()


def test_resizing_keeps_rows_and_columns():
    image = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    image[..., 0, :] = 255
    resized = Geometry(resize=(4, 16))(image)
    assert (resized[..., 0, :] > 0).all()
    assert (resized[..., 2:, :] == 0).all()


def test_images_of_the_size_already_are_left_alone():
    images = torch.randint(0, 256, (2, 1, 4, 5), dtype=torch.uint8)
    assert torch.equal(Geometry(resize=(4, 5))(images), images)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 3), (8, 8), (9, 17)])
@pytest.mark.parametrize("target", [(1, 1), (8, 8), (7, 12), (40, 2)])
def test_any_size_is_brought_to_any_other_and_back(fit, size, target):
    images = torch.full((2, 3, *size), 200, dtype=torch.uint8)
    geometry = Geometry(resize=target, fit=fit, background=(200.0, 200.0, 200.0), pad=1)
    fitted = geometry(images)
    assert fitted.shape == (2, 3, target[0] + 2, target[1] + 2)
    assert (fitted == 200).all()
    back = geometry.undo(fitted.double(), size)
    assert back.shape == (2, 3, *size)
    assert torch.allclose(back, torch.tensor(200.0, dtype=torch.float64))


def test_cropping_keeps_the_middle_and_padding_keeps_all():
    columns = torch.arange(12, dtype=torch.uint8).expand(1, 1, 4, 12)
    assert torch.equal(Geometry(resize=(4, 4), fit="crop")(columns), columns[..., 4:8])
    padded = Geometry(resize=(12, 12), fit="pad", background=77)(columns)
    assert torch.equal(padded[..., 4:8, :], columns)
    assert (padded[..., :4, :] == 77).all()
    assert (padded[..., 8:, :] == 77).all()


def test_undoing_a_pad_gives_the_image_and_undoing_a_crop_leaves_background():
    columns = torch.arange(12.0).expand(1, 1, 4, 12)
    for fit, expected in (("pad", columns), ("crop", torch.where((columns >= 4) & (columns < 8), columns, 77.0))):
        geometry = Geometry(resize=(12, 12) if fit == "pad" else (4, 4), fit=fit, background=77)
        assert torch.equal(geometry.undo(geometry(columns), (4, 12)), expected)


def test_the_background_may_differ_between_channels():
    padded = Geometry(pad=1, background=(1.0, 2.0, 3.0))(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))
    assert padded.dtype == torch.uint8
    assert padded[1, :, 0, 0].tolist() == [1, 2, 3]
    assert (padded[..., 1:-1, 1:-1] == 0).all()


@pytest.mark.parametrize("count", [1, 2, 60])
def test_an_image_is_resized_alike_alone_and_among_others(images, count):
    geometry = Geometry(resize=(6, 11), pad=1)
    together = geometry(images[:count])
    for index in range(count):
        assert torch.equal(geometry(images[index : index + 1])[0], together[index])


def test_scaling_is_exact_at_the_ends_and_leaves_the_store_alone():
    stored = torch.arange(256, dtype=torch.uint8)
    unit, symmetric = Scaling(0.0, 255.0)(stored), Scaling(127.5, 127.5)(stored)
    assert (unit[0], unit[-1]) == (0, 1)
    assert (symmetric[0], symmetric[-1]) == (-1, 1)
    assert torch.equal(unit, torch.arange(256) / 255)
    floats = torch.rand(5)
    before = floats.clone()
    Scaling()(floats).zero_()
    Scaling(1.0, 2.0)(floats)
    assert torch.equal(floats, before)


def test_threshold_is_above_a_half():
    values = torch.tensor([0.0, 0.5, 0.5001, 1.0])
    assert Threshold()(values, torch.arange(4)).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("draw", [StaticDraw(0, "binarise/train"), DynamicDraw()])
def test_a_draw_has_the_value_as_its_mean(draw):
    torch.manual_seed(0)
    values = torch.linspace(0, 1, 11).repeat(4000, 1)
    drawn = draw(values, torch.arange(4000))
    assert drawn.unique().tolist() == [0, 1]
    assert ((drawn.mean(0) - values[0]).abs() <= 4 * (values[0] * (1 - values[0]) / 4000).sqrt()).all()


def test_a_static_draw_belongs_to_the_example():
    values = torch.rand(20, 3, 4)
    order = torch.randperm(20)
    draw = StaticDraw(0, "binarise/train")
    assert torch.equal(draw(values, torch.arange(20))[order], draw(values[order], order))


def test_a_dynamic_draw_follows_torchs_seed():
    values = torch.full((10, 10), 0.5)
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append((DynamicDraw()(values, torch.arange(10)), DynamicDraw()(values, torch.arange(10))))
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])
    assert not torch.equal(draws[0][0], draws[0][1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_dynamic_draw_on_the_gpu_follows_the_cpus_generator():
    values = torch.full((1000, 100), 0.3, device="cuda")
    torch.manual_seed(5)
    first = DynamicDraw()(values, torch.arange(1000))
    torch.cuda.manual_seed(17)
    second = DynamicDraw()(values, torch.arange(1000))
    torch.manual_seed(5)
    assert torch.equal(DynamicDraw()(values, torch.arange(1000)), first)
    assert not torch.equal(first, second)
    assert abs(first.mean().item() - 0.3) < 4 * (0.21 / 100_000) ** 0.5
