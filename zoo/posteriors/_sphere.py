"""What posteriors on the sphere have in common."""

from __future__ import annotations

from zoo.errors import ComponentError


def check_dimensions(latent_dim: int) -> None:
    """Refuse a sphere of two points.

    Raises:
        ComponentError: there is one dimension only.
    """
    if latent_dim < 2:
        raise ComponentError(
            f"a sphere needs at least 2 dimensions around it, got `latent_dim: {latent_dim}`",
            remedy="Set `latent_dim` to one more than the dimension of the sphere.",
        )
