"""Checks of a network's inputs."""

import pytest
import torch

from zoo.errors import ComponentError, DataError
from zoo.nn.checks import check_batch, check_condition, check_image_shape, check_map_shape


def test_fitting_inputs_pass():
    check_batch(torch.zeros(0, 3), (3,), "data")
    check_batch(torch.zeros(4, 1, 8, 8), (1, 8, 8), "data")
    check_condition(None, 0, 4)
    check_condition(torch.zeros(4, 2), 2, 4)
    assert check_image_shape((1, 8, 300), "data_shape") == (1, 8, 300)
    assert check_map_shape((1, 8, 300), "data_shape") == (1, (8, 300))
    assert check_map_shape((2, 8), "data_shape") == (2, (8,))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((784,), r"expected images of shape \(channels, height, width\) or series of .*, got \(784,\)"),
        ((1, 7), "expected series of at least 8 steps, got 7"),
        ((1, 8, 7), "expected images of at least 8×8 pixels, got 8×7"),
    ],
)
def test_shapes_that_a_convolution_cannot_halve_are_refused(shape, message):
    with pytest.raises(ComponentError, match=f"output_shape: {message}") as refusal:
        check_map_shape(shape, "output_shape")
    assert refusal.value.remedy.startswith("Use `mlp`")


def test_a_series_is_not_an_image():
    with pytest.raises(ComponentError, match=r"expected images of shape .*, got \(1, 100\)"):
        check_image_shape((1, 100), "data_shape")


def test_the_refusal_of_a_single_example_says_how_to_make_a_batch_of_it():
    with pytest.raises(DataError, match="unsqueeze"):
        check_batch(torch.zeros(1, 8, 8), (1, 8, 8), "data")


@pytest.mark.parametrize("shape", [(), (4,), (4, 2), (4, 3, 1), (3,)])
def test_another_shape_is_refused_with_both(shape):
    with pytest.raises(DataError, match=r"expected latents of shape \(B, 3\), got \(") as refusal:
        check_batch(torch.zeros(shape), (3,), "latents")
    assert f"got {shape}" in str(refusal.value)


def test_a_refusal_is_a_value_error_with_a_remedy():
    for condition, condition_dim in [
        (None, 2),
        (torch.zeros(4, 2), 0),
        (torch.zeros(3, 2), 2),
        (torch.zeros(4), 4),
    ]:
        with pytest.raises(ValueError, match="condition") as refusal:
            check_condition(condition, condition_dim, 4)
        assert isinstance(refusal.value, ComponentError)
        assert refusal.value.remedy
