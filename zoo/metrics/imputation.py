"""How well a model fills in values of a table that were hidden from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt

from zoo.errors import NotApplicableError
from zoo.metrics import EvaluationContext, Measurement, Metric, Result, mean_of
from zoo.preparation.described import encoding_of
from zoo.registry import register

RMSE = Result(
    "imputation_rmse",
    "Root mean square error of numbers and dates that were hidden and filled in; 1 is that of the columns' means.",
    unit="standard deviations",
    better="lower",
    title="imputation RMSE",
)
ACCURACY = Result(
    "imputation_accuracy",
    "Share of categories and booleans that were hidden and filled in correctly.",
    better="higher",
)


@register("metric", "imputation")
class Imputation(Metric):
    """Hides observed values of rows at random, fills them in, and compares them with what they were.

    Numbers and dates are compared in standard deviations of the training data. Values that are missing in the data are
    neither filled in nor counted.

    Args:
        share: of the observed values, those that are hidden.
        num_samples: draws of z for each row, as in ``model.impute``.
        examples: measure at most this many rows, the first of the split; null for all.

    Source:
        Mattei & Frellsen (2019), MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets, section 4.2.
        https://arxiv.org/abs/1812.02633
    """

    results: ClassVar[Sequence[Result]] = (RMSE, ACCURACY)

    def __init__(
        self,
        *,
        share: Annotated[float, Field(gt=0, lt=1)] = 0.2,
        num_samples: PositiveInt = 100,
        examples: PositiveInt | None = 1000,
    ) -> None:
        self.share, self.num_samples, self.examples = share, num_samples, examples

    def check(self, context: EvaluationContext) -> None:
        """Require rows of a table, and a model that fills in missing values."""
        if not context.model.data.columns:
            raise NotApplicableError("the data are not rows of a table")
        context.require_density()

    @torch.no_grad()
    def measure(self, context: EvaluationContext) -> Sequence[Measurement]:
        """Return ``imputation_rmse`` and ``imputation_accuracy``, as far as there are such columns."""
        model, columns = context.model, context.model.data.columns
        encoding = encoding_of(model.data)
        assert encoding is not None
        owners = torch.tensor([place for place, column in enumerate(columns) for _ in range(column.width)])
        measured = torch.tensor([column.is_measured for column in columns])
        count = min(len(context.split), self.examples or len(context.split))
        squares, hits = [], []
        for batch in context.batches(256, count):
            x = batch.x
            hidden = torch.rand(len(x), len(columns)) < self.share
            seen = ~x.isnan() & ~hidden[:, owners].to(x.device)
            made = model.impute(x, seen, batch.labels, num_samples=self.num_samples)
            true, found = (encoding.undo(values.cpu().double()) for values in (x, made))
            chosen = hidden & ~true.isnan()
            squares.append((found - true).square()[chosen & measured])
            hits.append((found.round() == true.round()).double()[chosen & ~measured])
        every_square, every_hit = context.collect(squares).double(), context.collect(hits).double()
        return [*_rmse(every_square), *([mean_of(ACCURACY, every_hit)] if len(every_hit) else [])]


def _rmse(squares: torch.Tensor) -> list[Measurement]:
    if not len(squares):
        return []
    root = squares.mean().sqrt().item()
    spread = squares.std().item() / len(squares) ** 0.5 if len(squares) > 1 else None
    # The error of a root is that of its square over twice the root.
    return [Measurement(RMSE, root, standard_error=spread / (2 * root) if spread is not None and root else None)]
