"""A prior with several levels of latents, each drawn given those above it."""

from __future__ import annotations

from pydantic import PositiveInt

from zoo.errors import ComponentError
from zoo.nn.hierarchies.vectors import Hierarchy, TopDownDistribution, TopDownTrunk
from zoo.nn.layers.activations import ActivationName
from zoo.priors import Prior
from zoo.registry import register


@register("prior", "top_down")
class TopDown(Prior):
    """Hierarchical prior p(z_L) p(z_{L−1} | z_L) … p(z_1 | z_2, …, z_L), each level Gaussian given those above it.

    Choose it with the posterior ``top_down`` or ``ladder`` for latents at several levels: the top level describes the
    whole example, and lower levels describe details. The latents of all levels are stored in one vector of length
    ``latent_dim``, top first, so metrics, figures and bounds work as with any other model. With one level it is N(0,
    I).

    Lower levels tend to encode everything; ``free_bits`` of the objective ``vae`` keeps all levels in use.

    Args:
        levels: number of levels that share ``latent_dim``, or the length of each level's latents, top first.
        widths: units of the layers of the network below each level; [] makes each level's mean linear in those above.
        activation: the nonlinearity after each of those layers.

    Raises:
        ComponentError: the lengths do not add up to ``latent_dim``, or there are more levels than latents.

    Source:
        Sønderby et al. (2016), Ladder Variational Autoencoders, section 2. https://arxiv.org/abs/1602.02282
        Child (2021), Very Deep VAEs Generalize Autoregressive Models, section 4. https://arxiv.org/abs/2011.10650

    Example:
        >>> prior = TopDown(latent_dim=6, levels=[2, 4])
        >>> prior().sample((5,)).shape
        torch.Size([5, 6])
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        levels: PositiveInt | list[PositiveInt] = 2,
        widths: list[PositiveInt] = [64],  # noqa: B006 - only read
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        self.hierarchy = Hierarchy(TopDownTrunk(_sizes(levels, latent_dim), widths, activation=activation))

    def forward(self) -> TopDownDistribution:
        """Return p(z) with event shape (latent_dim,)."""
        return TopDownDistribution(self.hierarchy)


def _sizes(levels: int | list[int], latent_dim: int) -> list[int]:
    if isinstance(levels, int):
        if levels > latent_dim:
            raise ComponentError(
                f"expected at most as many levels as latents ({latent_dim}), got {levels}",
                where="levels",
                remedy="Set a larger `latent_dim`, which all levels share.",
            )
        # Lower levels describe details, so they get the remainder of the division.
        return [(latent_dim + index) // levels for index in range(levels)]
    if sum(levels) != latent_dim:
        raise ComponentError(
            f"expected lengths that add up to `latent_dim` ({latent_dim}), got {' + '.join(map(str, levels))} = "
            f"{sum(levels)}",
            where="levels",
            remedy=f"Set `latent_dim: {sum(levels)}`, or other lengths.",
        )
    return list(levels)
