"""Arrays of series, which look like images of one channel."""

import numpy as np
import torch

import zoo
from zoo.data import load_data


def test_arrays_of_series_keep_their_channels(tmp_path):
    series = np.random.default_rng(0).standard_normal((20, 3, 50)).astype(np.float32)
    np.save(tmp_path / "x.npy", series)
    shares = {"test": 0.0, "validation": 0.0, "scale": "none", "series": True}
    from_file = load_data({"name": "arrays", "path": str(tmp_path / "x.npy")}, **shares)
    in_memory = load_data(series, **shares)
    for data in (from_file, in_memory):
        assert data.info.data_shape == (3, 50)
        np.testing.assert_array_equal(data.train.examples(20).numpy(), series)
    images = load_data(series, test=0.0, validation=0.0)
    assert images.info.data_shape == (1, 3, 50), "without `series` they are images"


def test_series_go_in_and_out_in_their_own_form(tmp_path):
    series = 5 + 2 * np.random.default_rng(0).standard_normal((60, 2, 13))
    quiet = {"evaluation": {"metrics": [], "figures": []}, "quiet": True, "epochs": 1}
    run = zoo.fit(series, "vae-series-8d", data={"series": True}, out=tmp_path / "r", **quiet)
    x = run.model.preprocess(series)
    torch.testing.assert_close(x.mean(), torch.tensor(0.0), atol=0.2, rtol=0)
    np.testing.assert_allclose(run.model.postprocess(x), series, rtol=1e-5)
    assert run.model.sample(4).shape == (4, 2, 13)
