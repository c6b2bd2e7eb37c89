"""The training of a prior on the latents of a trained model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.analysis.codes import draw_latents
from zoo.data import Split
from zoo.errors import ComponentError
from zoo.model import Model, StepLoss
from zoo.model.inference import Inference
from zoo.nn.adversary import Adversary
from zoo.priors import FittablePrior, Prior
from zoo.spec.training import TrainSpec
from zoo.utils.precision import full_precision
from zoo.utils.seeds import seeded


class PriorFit(nn.Module):
    """A module that trains a model's fitted prior: its loss is that of the prior on latents of the data.

    The latents are drawn again in each step, with the model in evaluation mode and without gradients, so that the prior
    sees dynamic binarisation and the noise of the posterior. They are drawn in full precision, whatever the precision
    of the fit. The training state contains only the prior.

    Args:
        model: a model with a ``fitted_prior``; its other parts do not change.
        encoded: whether batches contain the encoder's features instead of the data, see :mod:`zoo.training.encoded`.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), fitted_prior={"name": "gaussian", "learned": True})
        >>> fit = PriorFit(model)
        >>> sorted(fit.training_parameters())
        ['prior.below', 'prior.log_diagonal', 'prior.mean']
        >>> fit(torch.rand(4, 1, 8, 8)).total.ndim
        0
    """

    def __init__(self, model: Model, *, encoded: bool = False) -> None:
        super().__init__()
        self.encoded = encoded
        self.prior, self.classes = model.fitted_prior, model.classes
        # In a tuple, so that it is not a submodule: this module has neither its parameters nor its mode.
        self._models = (model,)
        own = {id(p) for name, p in model.named_parameters() if name.startswith("fitted_prior.")}
        self._trained = {name: p for name, p in self.named_parameters() if id(p) in own}

    def forward(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> StepLoss:
        """Return the prior's loss on latents of a batch: −log p(z) in nats, unless the prior has a loss of its own."""
        (model,) = self._models
        if self.encoded:
            inference = Inference.of_features(model, x, labels)
        else:
            inference = model.inference_of_batch(x, labels, mask)
        # In the precision of evaluation: rounding decides between codebook vectors that lie close together, and a prior
        # that is fitted to the codes of bf16 features would not know the codes that the model uses.
        with torch.no_grad(), full_precision(x):
            z = inference.draw(reparameterised=False).z
        loss = self.prior.fit_loss(inference.under_fitted_prior(), z)
        return StepLoss(loss, {}, {})

    def training_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters of the prior, except those that it shares with other parts of the model."""
        return self._trained

    def adversaries(self) -> dict[str, Adversary]:
        """Return an empty mapping: a prior has no adversaries."""
        return {}

    def with_second_derivatives(self) -> list[str]:
        """Return an empty list: latents are drawn without a gradient."""
        return []

    def update_schedules(self, step: int, steps_per_epoch: int) -> None:
        """Do nothing: no weight of the loss changes."""

    def warmup_steps(self, steps_per_epoch: int) -> int:
        """Return 0."""
        return 0

    def higher_is_better(self, term: str) -> bool:
        """Return False: the loss is the only term."""
        return False


def check_can_be_fitted(model: Model) -> None:
    """Check that a fitted prior has a closed-form fit, or parameters to train.

    Raises:
        ComponentError: it has neither.
    """
    prior, chosen = model.fitted_prior, model.spec.fitted_prior
    if not isinstance(prior, FittablePrior) and not any(parameter.requires_grad for parameter in prior.parameters()):
        raise ComponentError(
            f"the prior {chosen.name if chosen else 'none'!r} has nothing to fit",
            where="model.fitted_prior",
            remedy="Use a prior such as `mixture` or `flow`, or one with options that make it learned, such as "
            "`{name: gaussian, learned: true}`.",
        )


def fit_spec(train: TrainSpec, fit: TrainSpec | None, prior: Prior, examples: int) -> TrainSpec:
    """Return the spec of a prior's training: the recipe's `fit`, completed by the prior's defaults.

    Without `fit`, fields for which the prior has no default are taken from the training of the model, except callbacks
    and fields that name parts of the model or of its loss.

    Args:
        examples: the number of training examples.
    """
    batch_size = fit.batch_size if fit is not None else None
    preferred = TrainSpec.model_validate(dict(prior.fit_defaults(examples, batch_size)))
    defaults = {name: getattr(preferred, name) for name in preferred.model_fields_set}
    if fit is not None:
        return fit.model_copy(update={name: v for name, v in defaults.items() if name not in fit.given_fields})
    reset = TrainSpec()
    names = ("groups", "turns", "monitor", "callbacks", "keep_every", "keep_epochs")
    return train.model_copy(update={**{name: getattr(reset, name) for name in names}, **defaults})


@torch.no_grad()
def fit_in_closed_form(model: Model, train: Split, batch_size: int, seed: int) -> bool:
    """Fit a model's prior to draws of the posteriors of the training data; return False if it has no closed form.

    The best prior is the average of the posteriors; a fit to their means would ignore their variance.

    Args:
        seed: seed of everything that is drawn: binarised pixels, latents, and random choices of the fit.
    """
    prior = model.fitted_prior
    if not isinstance(prior, FittablePrior):
        return False
    model.eval()
    with seeded(seed):
        return prior.fit(*draw_latents(model, train, batch_size=batch_size))
