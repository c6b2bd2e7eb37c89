"""Which part asks for what: parts are constructed as soon as what they ask for is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from zoo.errors import ComponentError, ZooError
from zoo.registry import PART_NAMES, WIRING, find_component
from zoo.spec.component import ComponentSpec
from zoo.spec.model import ModelSpec, kind_of_role
from zoo.spec.options import construct, wiring_of


class NotYetKnown(Exception):  # noqa: N818 - not an error, but the answer "later"
    """What is asked for follows from a part that is not constructed yet."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class Wiring:
    """What the parts of one model may ask for, as it becomes known.

    Attributes:
        parts: by role, those that are constructed.
    """

    def __init__(self, spec: ModelSpec, roles: tuple[str, ...], *, uses_time: bool) -> None:
        self.spec, self.roles, self.uses_time = spec, roles, uses_time
        self.parts: dict[str, nn.Module] = {}

    def construct_parts(self) -> dict[str, nn.Module]:
        """Construct every part, each as soon as what it asks for is known, else in the usual order.

        Raises:
            ComponentError: parts ask for each other in a circle, or for something that the model does not have.
        """
        waiting = [role for role in PART_NAMES if role in self.roles]
        while waiting:
            blocked: dict[str, str] = {}
            for role in waiting:
                try:
                    self.parts[role] = self.construct(role)
                except NotYetKnown as reason:
                    blocked[role] = reason.part
                    continue
                waiting.remove(role)
                break
            else:
                raise _circle(blocked)
        self._check_latent_dim()
        return self.parts

    def construct(self, role: str, component: ComponentSpec | None = None) -> Any:
        """Construct one component from its options and from what it asks for.

        Raises:
            NotYetKnown: it asks for something that follows from a part that is not there yet.
        """
        chosen: ComponentSpec = component or getattr(self.spec, role)
        where = f"model.{role}"
        found = find_component(kind_of_role(role), chosen.name, where=where)
        given = {name: self.value(name, role, where) for name in sorted(wiring_of(found))}
        return construct(found, chosen.options, given, where)

    def value(self, name: str, role: str, where: str) -> Any:
        """Return what a component asks for.

        Raises:
            NotYetKnown: it follows from a part that is not constructed yet.
            ComponentError: the model does not have it.
        """
        if name in PART_NAMES:
            return self._part(name, where, name)
        look_up: Mapping[str, Callable[[], Any]] = {
            "data_shape": lambda: self._encoder_shape() if role == "encoder" else self.spec.data_shape,
            "data_columns": lambda: () if self.spec.data is None else self.spec.data.columns,
            "data_range": lambda: self.spec.data_range,
            "condition_dim": lambda: self._condition_dim(role),
            "classes": lambda: (self.spec.classes or 0) if self._sees_labels(role) else 0,
            "output_shape": lambda: self._output_shape(where),
            "features": lambda: self._part("encoder", where, name).features,
            "feature_shape": lambda: self._feature_shape(where),
            "latent_dim": lambda: self._latent_dim(role, where),
            "latent_shape": lambda: self._latent_shape(role, where),
            "train_examples": lambda: self._train_examples(where),
        }
        return look_up[name]()

    def latent_shape(self, where: str) -> tuple[int, ...]:
        """Return the shape of the latents of one example, which the posterior decides."""
        posterior = self._part("posterior", where, "latent_shape")
        if self.spec.latent_dim is None:
            raise ComponentError("it asks for `latent_shape`, but the model has no latents", where=where)
        return tuple(getattr(posterior, "latent_shape", (self.spec.latent_dim,)))

    def _encoder_shape(self) -> Any:
        """Return the shape of what the encoder sees: the data, and beside them which values were observed."""
        shape = self.spec.data_shape
        return (2 * shape[0], *shape[1:]) if shape and self.spec.mask_input else shape

    def _part(self, part: str, where: str, wanted: str) -> Any:
        if part not in self.roles:
            reason = f"it asks for `{wanted}`" + (f", which follows from the {part}" if wanted != part else "")
            raise ComponentError(f"{reason}, but this model has no {part}", where=where)
        if part not in self.parts:
            raise NotYetKnown(part)
        return self.parts[part]

    def _condition_dim(self, role: str) -> int:
        sees_time = self.uses_time and role in ("encoder", "decoder", "network", "posterior")
        return self.spec.condition_dim if self._sees_labels(role) or sees_time else 0

    def _sees_labels(self, role: str) -> bool:
        kind = kind_of_role(role)
        seen = self.spec.conditioned is None or kind in self.spec.conditioned or kind == "network"
        return bool(self.spec.classes) and (seen or kind not in ("encoder", "prior", "decoder"))

    def _output_shape(self, where: str) -> Any:
        if "likelihood" not in self.roles:
            return self.spec.data_shape
        return self._part("likelihood", where, "output_shape").parameter_shape

    def _feature_shape(self, where: str) -> tuple[int, ...]:
        encoder = self._part("encoder", where, "feature_shape")
        return tuple(getattr(encoder, "feature_shape", (encoder.features,)))

    def _latent_shape(self, role: str, where: str) -> tuple[int, ...]:
        if self._is_asked_by_posterior(role) and self.spec.latent_dim is not None:
            # The prior comes first, and its latents are vectors: `_check_latent_dim` looks afterwards.
            return (self.spec.latent_dim,)
        return self.latent_shape(where)

    def _latent_dim(self, role: str, where: str) -> int:
        if self.spec.latent_dim is None:
            raise ComponentError("it asks for `latent_dim`, but the model has no latents", where=where)
        if role in ("encoder", "posterior") or "posterior" not in self.parts:
            # A prior that the posterior asks for comes first: `_check_latent_dim` looks afterwards.
            if role != "posterior" and not self._is_asked_by_posterior(role):
                raise NotYetKnown("posterior")
            return self.spec.latent_dim
        shape = self.latent_shape(where)
        if len(shape) > 1 and kind_of_role(role) == "prior":
            raise ComponentError(
                f"it asks for `latent_dim`, the length of a vector, but the latents are maps of shape {shape}",
                where=where,
                remedy=f"Use a {kind_of_role(role)} that takes maps, or a posterior of vectors.",
            )
        return math.prod(shape)

    def _is_asked_by_posterior(self, role: str) -> bool:
        posterior = self.spec.posterior
        if role != "prior" or posterior is None:
            return False
        return role in wiring_of(find_component("posterior", posterior.name, where="model.posterior"))

    def _check_latent_dim(self) -> None:
        """Refuse a prior that was constructed before a posterior over latents of another shape."""
        prior, posterior = self.parts.get("prior"), self.parts.get("posterior")
        if prior is None or posterior is None or self.spec.latent_dim is None:
            return
        shape = self.latent_shape("model.prior")
        own = getattr(prior, "latent_shape", None)
        if own is None and self._is_asked_by_posterior("prior"):
            own = (self.spec.latent_dim,)
        if own not in (None, shape) and {"latent_dim", "latent_shape"} & wiring_of(type(prior)):
            raise ComponentError(
                f"the prior has latents of shape {own}, the posterior latents of shape {shape}",
                where="model.prior",
                remedy="Choose a posterior that asks for this prior, or another prior.",
            )

    def _train_examples(self, where: str) -> int:
        if self.spec.train_examples is None:
            raise ComponentError(
                "it asks for `train_examples`, the number of training examples, which is not known",
                where=where,
                remedy="Set `model.train_examples`; in a recipe it is that of the data.",
            )
        return self.spec.train_examples


def asked_for(spec: ModelSpec, name: str) -> bool:
    """Say whether a component of a spec asks for a piece of wiring, such as ``train_examples``."""
    return any(
        name in wiring_of(find_component(kind_of_role(role), component.name, where=f"model.{role}"))
        for role, component in spec.components().items()
    )


def _circle(blocked: Mapping[str, str]) -> ZooError:
    """Return the error for parts that wait for each other."""
    role = next(iter(blocked))
    path = [role]
    while blocked[path[-1]] not in path:
        path.append(blocked[path[-1]])
    path = path[path.index(blocked[path[-1]]) :]
    asked = [*path[1:], path[0]]
    steps = [f"the {one} asks for what the {other} decides" for one, other in zip(path, asked, strict=True)]
    return ComponentError(
        f"parts ask for each other in a circle: {'; '.join(steps)}",
        where="model",
        remedy=f"Choose another {path[0]}. A part may ask for: {', '.join(WIRING)}.",
    )
