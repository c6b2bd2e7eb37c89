"""Denoising regression: predict the previous state of a chain that turns data into noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

import torch
from pydantic import Field
from torch import Tensor

from zoo.diffusion.chain import NoiseChain, Variance
from zoo.diffusion.parameterisations import Parameterisation, Quantity
from zoo.diffusion.progress import reporting
from zoo.diffusion.reverse import Method, reverse_chain, visited_steps
from zoo.diffusion.schedules import ScheduleName, noise_schedule
from zoo.errors import ComponentError, DataError, InputError, NotApplicableError
from zoo.objectives import Objective, StepLoss, impossible
from zoo.objectives._guidance import GuidedDenoiser, no_class, sampling_labels
from zoo.registry import register
from zoo.utils.precision import at_least_float32, full_precision

if TYPE_CHECKING:
    from zoo.model import Inference, Model
    from zoo.spec.model import ModelSpec

_EVALUATION_DRAWS = 4


@register("objective", "denoising")
class Denoising(Objective):
    r"""Minimise E‖s(x_t, t) − x_{t−1}‖² over a chain of T steps from data to noise; the best s is E[x_{t−1}|x_t].

    Choose it for varied samples, at the cost of T passes for each. The parts are a ``network``, or an encoder, the
    posterior ``point`` and a decoder, which also give a code; both receive the step t as a condition. Images must be in
    [-1, 1] (``data.scale: symmetric``), vectors approximately standardised.

    Args:
        steps: T.
        schedule: how much noise each step adds: ``linear``, ``cosine``, or ``explicit``; see
            :func:`zoo.diffusion.schedules.noise_schedule`.
        beta_start: β_1 of ``linear``; default: 0.1 / T.
        beta_end: β_T of ``linear``; default: 20 / T.
        betas: β_1 … β_T of ``explicit``.
        predict: the output of the network: ``previous``: x_{t−1} itself. ``clean``: x_0, best with a bottleneck.
            ``noise``: ε, best for details. ``v``: between the two. Given x_t, each is a linear function of the others.
        weighting: the loss: ``uniform``: squared error of the predicted quantity. ``previous``: squared error of
            x_{t−1}, the literal objective, which gives less weight to steps with little noise.
        variance: σ_t² when sampling: ``beta``: β_t. ``posterior``: the smaller β_t (1−ᾱ_{t−1}) / (1−ᾱ_t).
        label_dropout: the share of labels that are dropped in training, for classifier-free guidance.

    Source:
        Sohl-Dickstein et al. (2015), Deep Unsupervised Learning using Nonequilibrium Thermodynamics.
        https://arxiv.org/abs/1503.03585
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models. https://arxiv.org/abs/2006.11239

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("denoiser-mlp")
        >>> loss, terms = model.loss(torch.randn(4, 2))
        >>> sorted(terms)
        ['error_of_noise', 'error_of_previous']
        >>> model.sample(3, steps=10, method="ddim").shape
        torch.Size([3, 2])
    """

    needs: ClassVar[tuple[str, ...]] = ("encoder", "posterior", "decoder")
    alternatives: ClassVar[tuple[tuple[str, ...], ...]] = (("network",),)
    uses_time: ClassVar[bool] = True
    takes_regularisers: ClassVar[bool] = False
    unit: ClassVar[str] = "squared error"

    def __init__(
        self,
        *,
        steps: int = 1000,
        schedule: ScheduleName = "linear",
        beta_start: float | None = None,
        beta_end: float | None = None,
        betas: list[float] | None = None,
        predict: Quantity = "noise",
        weighting: Literal["uniform", "previous"] = "uniform",
        variance: Variance = "beta",
        label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        betas_ = noise_schedule(schedule, steps, beta_start=beta_start, beta_end=beta_end, betas=betas)
        self.chain = NoiseChain(betas_)
        self.prediction = Parameterisation(self.chain, predict)
        self.weighting, self.variance, self.label_dropout = weighting, variance, label_dropout
        self.data_range: tuple[float, float] | None = None

    def check(self, spec: ModelSpec, model: Model) -> None:
        """Check that the regression trains the posterior, and that there are labels if some are dropped."""
        if model.has_density:
            name = spec.posterior.name if spec.posterior else "none"
            raise impossible(
                f"objective {spec.objective.name!r}",
                f"posterior {name!r}",
                "a regression trains no variance",
                "Use posterior `point`, or objective `vae`.",
            )
        if spec.mask_input:
            raise ComponentError(
                "the objective 'denoising' takes no mask, so there is no mask to show the encoder",
                where="model.mask_input",
                remedy="Leave it out, or use objective `vae` or `iwae`.",
            )
        if self.label_dropout and not spec.classes:
            raise ComponentError(
                f"expected 0, since the model has no labels to drop, got {self.label_dropout:g}",
                where="model.objective.label_dropout",
                remedy="Leave it out, or set `model.classes`.",
            )
        self.data_range = spec.data_range

    def check_data(
        self, model: Model, examples: Tensor, data_range: tuple[float, float] | None, where: str = "data.scale"
    ) -> None:
        """Require bounded data with the range [-1, 1], or unbounded data with about unit scale."""
        if examples.isnan().any():
            raise DataError(
                "the objective 'denoising' cannot be trained on missing values, and the data have some",
                where="data",
                remedy="Fill them in, or use objective `vae` or `iwae`, which leave them out of the likelihood.",
            )
        expected = "expected data about as large as the noise that the objective 'denoising' adds"
        if data_range is not None and tuple(data_range) != (-1.0, 1.0):
            raise DataError(
                f"{expected}, with values in [-1, 1], got data in [{data_range[0]:g}, {data_range[1]:g}]",
                where=where,
                remedy="Use `data.scale: symmetric`, which maps images to [-1, 1].",
            )
        size = examples.double().square().mean().sqrt().item() if len(examples) else 1.0
        if data_range is None and not 0.1 <= size <= 10:
            raise DataError(
                f"{expected}, got values with a root mean square of {size:.3g}",
                where=where,
                remedy="Use `data.scale: standardise`, which gives each feature mean 0 and deviation 1.",
            )

    def check_reconstruction(self, model: Model) -> None:
        """Require a model with a code and a decoder that predicts data."""
        if not model.has("decoder"):
            raise NotApplicableError("it is a network without latents", where="decode")
        quantity = self.prediction.quantity
        if quantity not in ("clean", "previous"):
            problem = f"its decoder predicts values of {quantity!r}, from which no data follow without the noisy data"
            raise NotApplicableError(
                problem,
                where="decode",
                remedy="Build the model with `objective: {name: denoising, predict: clean}`.",
            )

    def loss(self, model: Model, inference: Inference) -> StepLoss:
        """Return the squared error, summed over an example and averaged over the batch, at a random step for each.

        In evaluation mode each example is evaluated at several steps: the noise of the loss is large compared with the
        differences between good denoisers, by which the best epoch is chosen.
        """
        x, labels = inference.x, inference.labels
        assert x is not None
        if inference.mask is not None:
            raise InputError(
                "the objective 'denoising' takes no mask: its chain would begin with made-up values",
                where="mask",
                remedy="Use objective `vae` or `iwae`, which leave unobserved values out of the likelihood.",
            )
        model.check_labels(labels, len(x))
        if not self.training:
            x = x.repeat(_EVALUATION_DRAWS, *[1] * (x.ndim - 1))
            labels = None if labels is None else labels.repeat(_EVALUATION_DRAWS)
        times = self.chain.random_times(len(x), x.device)
        with full_precision(x):
            x = at_least_float32(x)
            before, state = self.chain.draw_pair(x, times)
        raw = self.output(model, state, times, self._drop(model, labels))
        with full_precision(x):
            to_previous = _squared_error(self.prediction.previous(state, raw, times), before)
            terms = {"error_of_previous": to_previous.detach()}
            total = to_previous
            quantity = self.prediction.quantity
            if quantity != "previous":
                to_output = _squared_error(raw, self.prediction.output(state, x, times))
                terms = {f"error_of_{quantity}": to_output.detach(), **terms}
                total = to_output if self.weighting == "uniform" else to_previous
        return StepLoss(total, terms, {})

    def output(self, model: Model, state: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the output of the parts for states x_t (B, *data_shape) at times (B,), in float32 or better."""
        state, condition = model.match_dtype(state, "x"), model.embed(labels, times)
        if model.has("network"):
            return at_least_float32(model.network(state, condition))
        features = model.encoder(state, condition)
        code = model.posterior(features.flatten(1) if model.flattens_features else features).mean
        return at_least_float32(model.decoder(model.decoder_input(code), condition))

    def previous(self, model: Model, state: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return s(x_t, t), the estimate of E[x_{t−1}|x_t], (B, *data_shape).

        Args:
            state: (B, *data_shape) x_t.
            times: (B,) int64, t from 1 to T.
            labels: (B,) class numbers, for a conditional model.

        Raises:
            InputError: a shape, a time or a label is not what the model needs.
        """
        model.check_data(state)
        model.check_labels(labels, len(state))
        self.chain.check_times(times, len(state))
        raw = self.output(model, state, times, labels)
        with full_precision(state):
            return self.prediction.previous(state, raw, times)

    def sample(
        self,
        model: Model,
        n: int,
        labels: Tensor | None = None,
        *,
        noise: bool = False,
        steps: int | None = None,
        method: Method = "ancestral",
        variance: Variance | None = None,
        guidance: float = 1.0,
        clip: bool = True,
        progress: bool | Callable[[int, int], None] = False,
        trajectory: bool = False,
        max_rows: int = 1024,
    ) -> Tensor:
        r"""Draw samples (n, *data_shape) by running the reverse chain from noise.

        Args:
            noise: end with a draw of p(x_0|x_1) rather than with its mean.
            steps: number of the T steps to take, evenly spaced; default: all.
            method: ``ancestral`` adds noise in each step; ``ddim`` is deterministic given x_T and needs fewer steps.
            variance: σ_t² of ``ancestral``; default: that of the objective.
            guidance: w of classifier-free guidance, u + w (c − u), with the outputs c for the label and u without a
                label: 1 is the plain conditional model; larger values give more typical and less varied samples of the
                class. It needs ``label_dropout``, and two passes for each step. With ``labels=None``, samples are
                unconditional.
            clip: keep each estimate of the data within the range of the data, if it is known.
            progress: show a progress bar, or a function to call with the passes done and their total.
            trajectory: return all visited states (visited + 1, n, *data_shape), from x_T to x_0.
            max_rows: number of examples that are drawn at a time, which bounds the memory.

        Source:
            Ho & Salimans (2022), Classifier-Free Diffusion Guidance. https://arxiv.org/abs/2207.12598
        """
        visited = visited_steps(self.chain.steps, steps)
        variance = variance or self.variance
        for name, value, choices in (("method", method, Method), ("variance", variance, Variance)):
            if value not in get_args(choices):
                raise InputError(f"expected one of {get_args(choices)}, got {value!r}", where=f"sample.{name}")
        if max_rows < 1:
            raise InputError(f"expected at least 1 row, got {max_rows}", where="sample.max_rows")
        labels = sampling_labels(self, model, n, labels, guidance)
        blocks = []
        with reporting(progress, -(-n // max_rows) * (len(visited) - 1)) as report:
            for start in range(0, n, max_rows):
                state = torch.randn(min(max_rows, n - start), *model.data_shape, device=model.device)
                part = None if labels is None else labels[start : start + max_rows]
                denoise = GuidedDenoiser(self, model, part, guidance, clip=clip)
                states = [state]
                for reached in reverse_chain(
                    self.chain, denoise, state, visited, method=method, variance=variance, last_noise=noise
                ):
                    states = [*states, reached] if trajectory else [reached]
                    report()
                blocks.append(torch.stack(states) if trajectory else states[0])
        return torch.cat(blocks, dim=1 if trajectory else 0)

    def _drop(self, model: Model, labels: Tensor | None) -> Tensor | None:
        if labels is None or not (self.training and self.label_dropout):
            return labels
        hidden = torch.rand(len(labels), device=labels.device) < self.label_dropout
        return torch.where(hidden, no_class(model, len(labels)), labels)


def _squared_error(estimate: Tensor, target: Tensor) -> Tensor:
    return (estimate - target).square().flatten(1).sum(1).mean()
