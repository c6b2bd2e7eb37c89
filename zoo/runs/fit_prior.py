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
from zoo.spec.resolve import validate
from zoo.spec.training import FullTrainSpec, TrainSpec
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

    Samples of an autoencoder, and of many a VAE, are better from a prior that knows where the latents of the training
    data are. The fitted prior is saved, loaded and pushed with the model; ``model.sample(n)`` draws from it, and
    ``model.sample(n, fitted=False)`` from the prior that the model was trained with.

    Args:
        data: the training data: a :class:`zoo.data.Data`, one split, or data in memory as :func:`zoo.evaluate` takes
            them, with their labels as a pair (x, y).
        prior: the name of a prior, or a mapping with options, such as ``{"name": "mixture", "components": 5}``.
        spec: how a prior without a closed form is trained, with the fields of a recipe's `train`; those that are not
            set have defaults that suit the prior.
        seed: of the initial weights, the order of the data and the noise.
        reporter: shows progress in a way of your own; if not given, lines or a bar on standard error.
        quiet: show no progress.

    Raises:
        ComponentError: the prior is unknown, does not suit the model, or the model has no latents.
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
    fitted, note = fit_and_judge(model, data, prior, spec, seed=seed, reporter=reporter, quiet=quiet)
    if note is not None:
        warnings.warn(note, ZooWarning, stacklevel=2)
    return fitted


def fit_and_judge(
    model: Model,
    data: Any,
    prior: str | Mapping[str, Any] | ComponentSpec,
    spec: TrainSpec | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    reporter: Reporter | None = None,
    quiet: bool = False,
) -> tuple[Model, str | None]:
    """Return what :func:`fit_prior` returns, and a note on it if it is worse than the prior of training."""
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
    return whole.to(model.device), note_on_fit(whole, known, seed)


def keep_recipe(source: str | Path, folder: Path, model: Model) -> None:
    """Write the recipe of a model with a fitted prior beside it, so that later commands find its data.

    Args:
        source: the directory of the model that the prior was fitted for; nothing is written if it has no recipe.
        folder: the directory of the model with the prior.
    """
    known = RunDirectory(source)
    if known.exists():
        recipe = known.read_recipe().model_copy(update={"model": model.spec})
        RunDirectory(folder).write_recipe(recipe)


@torch.no_grad()
def note_on_fit(model: Model, data: Data, seed: int) -> str | None:
    """Return both numbers if a fitted prior explains the latents of validation data worse than p(z) does.

    None if it explains them better, if there are no validation data, or if one of the two has no density.

    Args:
        seed: of the latents that are drawn.
    """
    if data.validation is None or not (model.has("prior") and model.has("fitted_prior") and model.has_density):
        return None
    if not model.fitted_prior.has_density:
        return None
    fitted, own, count = 0.0, 0.0, 0
    model.eval()
    try:
        with seeded(seed):
            for x, labels, mask in data.validation.batches(512, device=model.device):
                inference = model.inference(x, labels if model.classes else None, mask)
                samples = inference.draw(reparameterised=False)
                own += float(samples.log_prior.sum())
                fitted += float(inference.under_fitted_prior().prior.log_prob(samples.z).sum())
                count += len(x)
    except NotImplementedError:  # one of them only has draws
        return None
    if fitted >= own:
        return None
    name = model.spec.fitted_prior.name if model.spec.fitted_prior else ""
    return (
        f"{_NOTE} {name!r} explains the latents of the validation data worse than the prior of training does: "
        f"log p(z) is {fitted / count:.2f} nats under it, {own / count:.2f} under that. Samples are still "
        "drawn from it, unless you pass `fitted=False` (`--no-fitted`)"
    )


def is_note_on_fit(note: str) -> bool:
    """Say whether a note of a run is one that :func:`note_on_fit` made, of a prior that may be replaced."""
    return note.startswith(_NOTE)


def with_fitted_prior(model: Model, prior: ComponentSpec, seed: int, *, train_examples: int | None = None) -> Model:
    """Return a copy of a model with a fitted prior that is not fitted yet, in evaluation mode.

    Args:
        seed: of the prior's initial weights.
        train_examples: the number of training examples, for a prior that asks for it.

    Raises:
        ComponentError: the model has no latents, or the prior does not suit it.
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
            "the model has no latents for a prior to be fitted to",
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
    """Fit the model's prior, in closed form or by training, from the last state if the stage continues."""
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
