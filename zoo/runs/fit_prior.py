"""Priors fitted after training: as a stage of a run, or separately for a trained model."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from zoo.checkpoints.weights import load_weights, own_tensors
from zoo.data import Data
from zoo.data.as_trained import all_prepared_for
from zoo.errors import ComponentError, ZooWarning
from zoo.evaluation.evaluate import evaluation_context
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.model.wiring import asked_for
from zoo.runs.directory import RunDirectory
from zoo.runs.recorder import RunRecorder
from zoo.runs.stage import StageFiles, run_stage
from zoo.runs.trackers import Trackers
from zoo.spec.component import ComponentSpec
from zoo.spec.training import FullTrainSpec, TrainSpec
from zoo.spec.validation import validate
from zoo.training.devices import make_accelerator
from zoo.training.encoded import encoded
from zoo.training.loop import Trainer
from zoo.training.prior_fit import PriorFit, check_can_be_fitted, fit_in_closed_form, fit_spec
from zoo.training.progress import Reporter, choose_reporter
from zoo.training.resolve import make_callbacks, resolve_training
from zoo.utils.arguments import Seed, checked
from zoo.utils.seeds import process_seed, seeded

_NOTE = "the fitted prior"


@checked
def fit_prior(
    model: Model,
    data: Any,
    prior: str | Mapping[str, Any] | ComponentSpec,
    spec: TrainSpec | Mapping[str, Any] | None = None,
    *,
    seed: Seed = 0,
    reporter: Reporter | None = None,
    quiet: bool = False,
) -> Model:
    """Return a copy of a trained model with a prior that is fitted to the latents of data.

    Choose it to improve the samples of an autoencoder, or of a VAE whose latents do not follow its prior. The fitted
    prior is saved, loaded and pushed with the model; ``model.sample(n)`` draws from it, and
    ``model.sample(n, fitted=False)`` from the prior that the model was trained with.

    Args:
        data: the training data: a :class:`zoo.data.Data`, one split, or data in memory as :func:`zoo.evaluate` takes
            them, with their labels as a pair (x, y).
        prior: the name of a prior, or a mapping with options, such as ``{"name": "mixture", "components": 5}``.
        spec: how a prior without a closed form is trained: fields of a recipe's `train`; fields that are not set have
            defaults of the prior.
        seed: seed of the initial weights, the order of the data and the noise.
        reporter: shows progress in place of the lines or the bar on standard error.
        quiet: show no progress.

    Raises:
        ComponentError: the prior is unknown or cannot be used with the model, or the model has no latents.
        RecipeError: a field of ``spec`` is wrong.
        DataError: the data have another shape than the model needs, or no labels where it needs them.
        TrainingError: the loss is no longer finite.

    Source:
        Ghosh et al. (2020), From Variational to Deterministic Autoencoders, section 4 (ex-post density estimation).
        https://arxiv.org/abs/1903.12436

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
        >>> fitted = zoo.fit_prior(model, torch.rand(64, 1, 8, 8), "mixture")
        >>> fitted.sample(3).shape, fitted.spec.fitted_prior.name
        (torch.Size([3, 1, 8, 8]), 'mixture')
    """
    fitted, note = fit_and_compare(model, data, prior, spec, seed=seed, reporter=reporter, quiet=quiet)
    if note is not None:
        warnings.warn(note, ZooWarning, stacklevel=2)
    return fitted


def fit_and_compare(
    model: Model,
    data: Any,
    prior: str | Mapping[str, Any] | ComponentSpec,
    spec: TrainSpec | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    reporter: Reporter | None = None,
    quiet: bool = False,
) -> tuple[Model, str | None]:
    """Return the model with the fitted prior, and a note if that prior is worse than the one of training."""
    chosen = prior if isinstance(prior, ComponentSpec) else validate(ComponentSpec, prior, "prior")
    _check_latents(model)
    train = evaluation_context(model, data, "train").split
    whole = with_fitted_prior(model, chosen, seed, train_examples=len(train))
    given = spec if isinstance(spec, TrainSpec) else validate(TrainSpec, dict(spec or {}), "spec")
    given = fit_spec(given, given, whole.fitted_prior, len(train))
    resolved = resolve_training(given, PriorFit(whole), "spec").for_examples(len(train))
    known = all_prepared_for(model.data, data) if isinstance(data, Data) else Data(train.info, train, None, None)
    shown = choose_reporter(reporter, quiet=quiet)
    with tempfile.TemporaryDirectory() as folder:
        accelerator = make_accelerator(resolved)
        files = StageFiles(Path(folder), "fit", "fit.jsonl")
        trackers = Trackers(accelerator, shown.note)
        fit_stage(whole, known, resolved, seed, accelerator, files, shown, trackers)
    return whole.to(model.device), poor_fit_note(whole, known, seed)


def copy_recipe(source: str | Path, folder: Path, model: Model) -> None:
    """Copy the recipe of a model to its copy with a fitted prior, so that later commands find the data.

    Args:
        source: the directory of the original model; nothing is written if it contains no recipe.
        folder: the directory of the model with the fitted prior.
    """
    known = RunDirectory(source)
    if known.exists():
        recipe = known.read_recipe().model_copy(update={"model": model.spec})
        RunDirectory(folder).write_recipe(recipe)


@torch.no_grad()
def poor_fit_note(model: Model, data: Data, seed: int) -> str | None:
    """Return a note if latents of validation data are less likely under the fitted prior than under p(z).

    None if they are not, if there are no validation data, or if one of the two priors has no density.

    Args:
        seed: seed of the draws of the latents.
    """
    if data.validation is None or not (model.has("prior") and model.has("fitted_prior") and model.has_density):
        return None
    if not model.fitted_prior.has_density:
        return None
    under_fitted, under_prior, count = 0.0, 0.0, 0
    model.eval()
    try:
        with seeded(seed):
            for x, labels, mask in data.validation.batches(512, device=model.device):
                inference = model.inference(x, labels if model.classes else None, mask)
                samples = inference.draw(reparameterised=False)
                under_prior += float(samples.log_prior.sum())
                under_fitted += float(inference.under_fitted_prior().prior.log_prob(samples.z).sum())
                count += len(x)
    except NotImplementedError:  # one of the priors has no density
        return None
    if under_fitted >= under_prior:
        return None
    name = model.spec.fitted_prior.name if model.spec.fitted_prior else ""
    return (
        f"{_NOTE} {name!r} fits the latents of the validation data worse than the prior of training does: the mean "
        f"log p(z) is {under_fitted / count:.2f} nats under the fitted prior and {under_prior / count:.2f} nats under "
        "the other. Samples are drawn from the fitted prior, unless you pass `fitted=False` (`--no-fitted`)"
    )


def is_poor_fit_note(note: str) -> bool:
    """Return whether a note of a run is that of :func:`poor_fit_note`, which does not apply to another prior."""
    return note.startswith(_NOTE)


def with_fitted_prior(model: Model, prior: ComponentSpec, seed: int, *, train_examples: int | None = None) -> Model:
    """Return a copy of a model, in evaluation mode, with a fitted prior that is still to be fitted.

    Args:
        seed: seed of the prior's initial weights.
        train_examples: the number of training examples, for a prior that asks for it.

    Raises:
        ComponentError: the model has no latents, or the prior cannot be used with it.
    """
    _check_latents(model)
    spec = model.spec.model_copy(update={"fitted_prior": prior})
    if spec.train_examples is None and asked_for(spec, "train_examples"):
        spec = spec.model_copy(update={"train_examples": train_examples})
    with seeded(seed):
        whole = assemble(spec)
    check_can_be_fitted(whole)
    trained = {name: t for name, t in own_tensors(model).items() if not name.startswith("fitted_prior.")}
    load_weights(whole, own_tensors(whole) | trained, "fitted_prior")
    return whole.to(model.device).eval()


def _check_latents(model: Model) -> None:
    if not model.has("posterior"):
        raise ComponentError(
            "expected a model with latents, to which a prior can be fitted, got a model without",
            where="fitted_prior",
            remedy="Use a model with `encoder`, `posterior` and `decoder`.",
        )


def fit_stage(
    model: Model,
    data: Data,
    spec: FullTrainSpec,
    seed: int,
    accelerator: Accelerator,
    files: StageFiles,
    reporter: Reporter,
    trackers: Trackers,
    *,
    continues: bool = False,
) -> None:
    """Fit the model's prior, in closed form or by training.

    Args:
        continues: whether to continue the training from its last state.
    """
    model.to(accelerator.device)
    if fit_in_closed_form(model, data.train, max(spec.batch_size, 512), seed):
        return
    known = encoded(model.eval(), data, spec)
    fit = PriorFit(model, encoded=known is not None)
    others = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.requires_grad_(False)
    for parameter in fit.training_parameters().values():
        parameter.requires_grad = True
    recorder = RunRecorder(
        *(files, files.metrics.with_name("figures"), reporter, trackers),
        save_best=lambda: files.write_best(fit),
        prefix="fit/",
    )
    trainer = Trainer(fit, known or data, spec, seed, accelerator, recorder, make_callbacks(spec), watched=model)
    torch.manual_seed(process_seed(seed, trainer.group.rank))
    try:
        run_stage(trainer, files, reporter, continues=continues)
    finally:
        for parameter in others:
            parameter.requires_grad = True
    files.read_best(fit)
    model.eval()
