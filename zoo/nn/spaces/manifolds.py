"""The spaces that latents can lie in."""

from __future__ import annotations

from typing import Literal

Manifold = Literal["euclidean", "sphere", "ball"]
"""``euclidean``: all vectors, or maps, with densities per volume. ``sphere``: unit vectors, with densities per area.
``ball``: the Poincaré ball, with densities per hyperbolic volume."""
