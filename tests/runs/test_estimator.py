"""The estimator keeps scikit-learn's promises, and its numbers are those of the model."""

from __future__ import annotations

import importlib
import pickle
import pickletools
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import zoo
from zoo.errors import ComponentError, InputError
from zoo.utils.seeds import seeded

TINY = {"preset": "vae-mlp-8d", "encoder": {"widths": [8]}, "decoder": {"widths": [8]}}
IRIS, SPECIES = load_iris(return_X_y=True)


def tiny(**options: Any) -> Any:
    return zoo.Estimator(TINY, **{"latent_dim": 2, "epochs": 2, "num_samples": 5, "random_state": 0, **options})


@pytest.fixture(scope="module")
def fitted() -> Any:
    return tiny(epochs=40, learning_rate=1e-2).fit(IRIS)


def test_an_old_scikit_learn_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("sklearn.utils.validation.validate_data")
    monkeypatch.delitem(sys.modules, "zoo.runs.estimator", raising=False)
    with pytest.raises(InputError, match=r"zoo\.Estimator: scikit-learn 1\.6 or newer is not installed\npip install"):
        importlib.import_module("zoo.runs.estimator")


def test_every_check_of_scikit_learn_passes() -> None:  # some fifty small trainings: seconds
    results = check_estimator(tiny(epochs=1, num_samples=2), on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) > 40


def test_latents_are_the_means_of_the_posterior(fitted: Any) -> None:
    x = fitted.model_.preprocess(IRIS)
    assert np.array_equal(fitted.transform(IRIS), fitted.model_.encode(x).mean.detach().numpy())


def test_rows_come_back_in_their_own_units(fitted: Any) -> None:
    latents = fitted.transform(IRIS)
    decoded = fitted.inverse_transform(latents)
    expected = fitted.model_.postprocess(fitted.model_.decode(torch.tensor(latents)).mean.detach())
    assert np.allclose(decoded, expected, atol=1e-6)
    assert np.allclose(decoded.mean(0), IRIS.mean(0), atol=0.5)
    with pytest.raises(InputError, match=r"expected latents of shape \(n_samples, 2\), got \(3, 4\)"):
        fitted.inverse_transform(np.zeros((3, 4)))


def test_the_score_of_a_row_does_not_depend_on_the_others(fitted: Any) -> None:
    scores = fitted.score_samples(IRIS[:6])
    assert np.array_equal(scores[2:4], fitted.score_samples(IRIS[2:4]))
    assert fitted.score(IRIS[:6]) == scores.mean()


def test_scores_are_densities_of_the_rows_in_their_own_units(fitted: Any) -> None:
    x = fitted.model_.preprocess(IRIS[:6])
    # The density of x = (v − mean) / s, divided by each s.
    in_units = (
        fitted.model_.log_likelihood(x, num_samples=20_000).numpy() - np.log(fitted.model_.data.scaling.span).sum()
    )
    many = tiny(num_samples=2000)
    many.__setstate__({**fitted.__getstate__(), "num_samples": 2000})
    found = many.score_samples(IRIS[:6])
    assert np.allclose(found, in_units, atol=0.1)
    rows = zoo.score(fitted.model_, IRIS[:6], num_samples=2000)
    assert np.allclose(found, rows["log_likelihood"], atol=0.1)


def test_of_a_row_in_part_the_density_of_what_was_observed_is_scored(fitted: Any) -> None:
    rows = IRIS[:2].copy()
    rows[:, 1] = np.nan
    kept = tiny(missing="keep")
    kept.__setstate__({**fitted.__getstate__(), "missing": "keep"})
    observed = torch.tensor([[True, False, True, True]])
    spans = np.log(fitted.model_.data.scaling.span)[[0, 2, 3]].sum()
    for row, found in zip(fitted.model_.preprocess(IRIS[:2]), kept.score_samples(rows), strict=True):
        with seeded(kept._seed_of_draws):  # the same noise, since estimates of rows in part vary much
            prepared = fitted.model_.log_likelihood(row[None].where(observed, 0.0), mask=observed, num_samples=5)
        assert found == pytest.approx(float(prepared) - spans, abs=1e-5)


def test_samples_and_imputations_repeat_themselves(fitted: Any) -> None:
    assert np.array_equal(fitted.sample(3), fitted.sample(3))
    assert not np.array_equal(fitted.sample(3), fitted.sample(3, random_state=1))
    rows = IRIS[:5].copy()
    rows[1, 2] = rows[3, 0] = np.nan
    filled = fitted.impute(rows)
    assert np.array_equal(filled, fitted.impute(rows))
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])
    assert np.array_equal(filled[3], fitted.impute(rows[3:4])[0])


def test_the_same_random_state_gives_the_same_model_and_leaves_torch_alone() -> None:
    state = torch.get_rng_state()
    one, other, third = tiny().fit(IRIS), tiny().fit(IRIS), tiny(random_state=1).fit(IRIS)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(one.transform(IRIS), other.transform(IRIS))
    assert not np.allclose(one.transform(IRIS), third.transform(IRIS))


def test_a_fitted_estimator_is_pickled_without_modules_of_torch(fitted: Any) -> None:
    content = pickle.dumps(fitted)
    named = {str(argument) for _, argument, _ in pickletools.genops(content) if isinstance(argument, str)}
    assert not [name for name in named if name.startswith("torch")]
    again = pickle.loads(content)
    assert np.array_equal(again.transform(IRIS), fitted.transform(IRIS))
    assert np.array_equal(again.score_samples(IRIS[:2]), fitted.score_samples(IRIS[:2]))
    assert hasattr(fitted, "model_")


def test_a_grid_search_over_latent_dimensions_in_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), tiny(), LogisticRegression())
    search = GridSearchCV(pipeline, {"estimator__latent_dim": [1, 2]}, cv=2).fit(IRIS, SPECIES)
    assert search.best_estimator_[1].model_.latent_dim == search.best_params_["estimator__latent_dim"]
    by_likelihood = GridSearchCV(tiny(), {"latent_dim": [1, 2]}, cv=2).fit(IRIS[::5])
    assert np.isfinite(by_likelihood.cv_results_["mean_test_score"]).all()


def test_latents_are_named() -> None:
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    latents = tiny().set_output(transform="pandas").fit_transform(frame)
    assert list(latents.columns) == ["z0", "z1"]
    estimator = tiny().fit(frame)
    assert list(estimator.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        estimator.transform(frame.rename(columns={"a": "z"}))


def test_missing_values_are_refused_or_kept() -> None:
    rows = IRIS.copy()
    rows[::7, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        tiny().fit(rows)
    kept = tiny(missing="keep").fit(rows)
    assert kept.model_.spec.mask_input
    assert np.isfinite(kept.transform(rows)).all()
    assert np.isfinite(kept.score_samples(rows[:8])).all()
    complete = tiny(missing="keep").fit(IRIS)  # trained on complete rows, used on others
    assert np.isfinite(complete.transform(rows)).all()
    with pytest.raises(InputError, match="missing: expected 'refuse' or 'keep', got 'drop'"):
        tiny(missing="drop").fit(IRIS)


PETS = pd.DataFrame({"age": [1.0, 2.0, 3.0], "city": ["Oslo", "Rome", "Nice"]})


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (PETS, "the text 'Oslo' in the column 'city'"),
        (PETS.to_numpy(), "the text 'Oslo' in the column 1"),
        (PETS.astype({"city": "category"}), "the text 'Oslo' in the column 'city'"),
        (PETS.to_numpy().astype(str).tolist(), "the text '1.0' in the column 0"),
        (PETS.assign(city=pd.to_datetime(["2020-01-01"] * 3)), "dates in the column 'city'"),
    ],
    ids=["frame", "objects", "categories", "lists", "dates"],
)
def test_columns_that_are_no_numbers_are_named(rows: Any, found: str) -> None:
    with pytest.raises(InputError, match=f"X: expected numbers, got {found}.*\n.*zoo.fit"):
        tiny().fit(rows)


@pytest.mark.parametrize("rows", [[[1.0], [1.0, 2.0]], [[[1.0], 2.0], [3.0, 4.0]], [np.zeros(2), np.zeros(3)]])
def test_rows_of_different_lengths_are_refused_as_scikit_learn_does(fitted: Any, rows: Any) -> None:
    for use in (fitted.transform, fitted.impute, fitted.score_samples):
        with pytest.raises(ValueError, match="inhomogeneous"):
            use(rows)


def test_rows_of_texts_are_refused_in_use_too(fitted: Any) -> None:
    with pytest.raises(InputError, match="got the text 'a' in the column 0"):
        fitted.transform([["a", 1.0, 2.0, 3.0]])


def test_rows_fold_into_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(40, 64)).astype(np.uint8)
    estimator = tiny(data_shape=(1, 8, 8)).fit(images)
    assert estimator.model_.data_shape == (1, 8, 8)
    assert estimator.model_.data.range == (0.0, 1.0)
    assert estimator.sample(2).shape == (2, 64)
    with pytest.raises(InputError, match="expected 63 columns, which are reshaped to"):
        tiny(data_shape=(1, 7, 9)).fit(images)


def test_a_conditional_model_is_refused() -> None:
    with pytest.raises(ComponentError, match="expected an unconditional model"):
        zoo.Estimator("cvae-mlp-2d").fit(IRIS)


def test_parameters_are_cloned_and_set() -> None:
    copy = clone(tiny(fields={"likelihood": "student_t"})).set_params(latent_dim=3, scale="none")
    copy.fit(IRIS)
    assert copy.model_.latent_dim == 3
    assert copy.model_.spec.likelihood.name == "student_t"
    assert copy.model_.data.scaling.name == "none"
