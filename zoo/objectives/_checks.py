"""What several objectives refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.objectives import impossible

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.spec.model import ModelSpec


def check_has_density(spec: ModelSpec, model: Model) -> None:
    """Refuse a posterior without a density under an objective that needs one."""
    if not model.has_density:
        name = spec.posterior.name if spec.posterior else "none"
        raise impossible(
            f"objective {spec.objective.name!r}",
            f"posterior {name!r}",
            "a point has no density, so there is no KL term",
            "Use posterior `diagonal_gaussian` or `full_gaussian`, or objective `autoencoder`.",
        )
