"""Building of a model from a spec: components are found, options are checked, and parts are connected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from zoo.errors import ComponentError, RecipeError
from zoo.model.model import Model
from zoo.model.wiring import Wiring
from zoo.nn.layers.conditions import LabelEmbedding, TimeEmbedding
from zoo.registry import PART_NAMES, find_component, usable_components
from zoo.spec.component import ComponentSpec
from zoo.spec.model import OPTIONAL_PARTS, PARTS, ModelSpec, kind_of_role
from zoo.spec.options import check_options
from zoo.utils.allocation import MemoryLimit

if TYPE_CHECKING:
    from zoo.objectives import Objective
    from zoo.posteriors import Posterior
    from zoo.priors import Prior
    from zoo.regularisers import Regulariser


_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def assemble(spec: ModelSpec) -> Model:
    """Build the model of a spec with fresh weights; ``model.spec`` holds every option with its value.

    Random numbers are drawn in a fixed order: parts, embeddings of conditions, objective, regularisers, fitted prior.
    So a model keeps its initial weights when a regulariser or a fitted prior is added.

    Raises:
        RecipeError: a field is missing.
        ComponentError: a component or an option is unknown or wrong, or two parts cannot work together.
    """
    if spec.data_shape is None:
        raise RecipeError(
            "missing", where="model.data_shape", remedy="Give the shape of one example, such as [1, 28, 28]."
        )
    objective_class = cast("type[Objective]", find_component("objective", spec.objective.name, "model.objective"))
    resolved = resolve_components(spec)
    _check_priors(resolved)
    with MemoryLimit():
        model = _construct(resolved, uses_time=objective_class.uses_time)
    _check(resolved, model)
    return model


def _construct(resolved: ModelSpec, *, uses_time: bool) -> Model:
    """Construct the parts of a model in order, and assemble them."""
    roles = tuple(role for role in PARTS if getattr(resolved, role) is not None)
    wiring = Wiring(resolved, roles, uses_time=uses_time)
    parts = dict(wiring.construct_parts())
    conditions = _conditions(resolved, uses_time=uses_time)
    objective: Objective = wiring.construct("objective")
    regularisers: dict[str, Regulariser] = {
        key: wiring.construct(f"regularisers.{key}", component) for key, component in resolved.regularisers.items()
    }
    for role in OPTIONAL_PARTS:
        if role in roles:
            parts[role] = wiring.construct(role)
    shape = wiring.latent_shape("model.posterior") if "posterior" in roles else ()
    # In the order of PARTS, which is that of the tensors in checkpoints and of the parameters in optimisers.
    ordered = {role: parts[role] for role in PARTS if role in parts}
    return Model(resolved, ordered, objective, regularisers, latent_shape=shape, **conditions)


def _conditions(spec: ModelSpec, *, uses_time: bool) -> dict[str, Any]:
    return {
        "label_embedding": LabelEmbedding(spec.classes, spec.condition_dim) if spec.classes else None,
        "time_embedding": TimeEmbedding(spec.condition_dim) if uses_time else None,
    }


def resolve_components(spec: ModelSpec) -> ModelSpec:
    """Return the spec with every option of every component, and only the parts that the objective needs.

    Raises:
        RecipeError: a field is missing.
        ComponentError: a component or an option is unknown or wrong.
    """
    name = spec.objective.name
    _check_keys(spec)
    objective = cast("type[Objective]", find_component("objective", name, "model.objective"))
    changes: dict[str, Any] = {"objective": _checked("objective", spec.objective)}
    needs = _needed_parts(spec, objective)
    if "prior" in needs:
        needs = (*needs, "fitted_prior")
    if "encoder" in needs and not objective.uses_time:  # Otherwise the objective adds its own noise.
        needs = (*needs, "corruption")
    for role in PARTS:
        component: ComponentSpec | None = getattr(spec, role)
        if role in needs and (component is not None or role not in OPTIONAL_PARTS):
            if component is None:
                raise ComponentError(
                    f"missing: the objective {name!r} needs one",
                    where=f"model.{role}",
                    remedy=f"Add `{role}: NAME`; `zoo-cli list {kind_of_role(role)}` shows what there is.",
                )
            changes[role] = _checked(role, component)
        elif component is not None and role in spec.model_fields_set:
            raise ComponentError(
                f"the objective {name!r} uses no {role}, got {component.name!r}",
                where=f"model.{role}",
                remedy="Leave it out.",
            )
        else:
            changes[role] = None
    if spec.regularisers and not objective.takes_regularisers:
        raise ComponentError(
            f"the objective {name!r} takes no regularisers, got {', '.join(spec.regularisers)}",
            where="model.regularisers",
            remedy="Leave them out.",
        )
    changes["regularisers"] = {
        key: _checked(f"regularisers.{key}", component) for key, component in spec.regularisers.items()
    }
    return spec.model_copy(update=changes)


def _needed_parts(spec: ModelSpec, objective: type[Objective]) -> tuple[str, ...]:
    """Return the parts that the objective needs, or those of its alternatives that the spec names."""
    name = spec.objective.name
    named = {role for role in PART_NAMES if getattr(spec, role) is not None and role in spec.model_fields_set}
    choices = (objective.needs, *objective.alternatives)
    known = named & {role for choice in choices for role in choice}
    chosen = next((choice for choice in choices if known <= set(choice)), None)
    if chosen is None:
        either = "; or ".join(", ".join(choice) for choice in choices)
        raise ComponentError(
            f"the objective {name!r} takes either {either}; got {', '.join(role for role in PARTS if role in known)}",
            where="model",
            remedy="Leave out the parts of one of them; `encoder: null` removes what a preset gives.",
        )
    has_latents = {"posterior", "decoder"} & set(chosen)
    if has_latents and spec.latent_dim is None:
        raise RecipeError("missing", where="model.latent_dim", remedy="Give the number of latent dimensions.")
    if not has_latents and spec.latent_dim is not None:
        raise RecipeError(
            f"a model of {', '.join(chosen)} has no latent dimensions, got {spec.latent_dim}",
            where="model.latent_dim",
            remedy="Leave it out; `latent_dim: null` removes what a preset gives.",
        )
    return chosen


def _check_keys(spec: ModelSpec) -> None:
    """Check that keys of regularisers are not reserved names: of a turn, the loss, or a module's attribute."""
    taken = {"loss", "model", "objective"}
    for key in spec.regularisers:
        if not _KEY.fullmatch(key) or key in taken or hasattr(nn.ModuleDict(), key):
            raise ComponentError(
                f"{key!r} cannot be the key of a regulariser",
                where="model.regularisers",
                remedy="Use a short word of your own, such as the name of the regulariser.",
            )


def _checked(role: str, component: ComponentSpec) -> ComponentSpec:
    found = find_component(kind_of_role(role), component.name, where=f"model.{role}")
    return component.with_options(check_options(found, component.options, f"model.{role}"))


def _check(spec: ModelSpec, model: Model) -> None:
    """Check that the parts can be used together."""
    model.objective.check(spec, model)
    for _, regulariser in model.named_regularisers():
        regulariser.check(spec, model)
    model.adversaries()
    if model.has("posterior"):
        model.posterior.check(spec, model)
    if spec.classes and spec.conditioned is not None and not spec.conditioned:
        raise ComponentError(
            "expected at least one part, got none, so nothing would see the labels",
            where="model.conditioned",
            remedy="Leave it out, or name parts: encoder, prior, decoder.",
        )
    if spec.conditioned is not None and (not spec.classes or model.objective.uses_time):
        reason = "it is conditioned on time as well" if spec.classes else "the model has no classes"
        raise ComponentError(f"expected null, since {reason}, got {list(spec.conditioned)}", where="model.conditioned")


def _check_priors(spec: ModelSpec) -> None:
    """Check that the priors can be used with the posterior, before they ask for its attributes."""
    if spec.posterior is None:
        return
    posterior = cast("type[Posterior]", find_component("posterior", spec.posterior.name, "model.posterior"))
    for role, component in (("prior", spec.prior), ("fitted_prior", spec.fitted_prior)):
        if component is not None:
            prior = cast("type[Prior]", find_component("prior", component.name, f"model.{role}"))
            _check_prior(role, component.name, prior, spec.posterior.name, posterior)


def _check_prior(role: str, name: str, prior: type[Prior], posterior_name: str, posterior: type[Posterior]) -> None:
    if prior.discrete and not posterior.discrete:
        raise ComponentError(
            f"the prior {name!r} is over discrete codes, but the posterior {posterior_name!r} has none",
            where=f"model.{role}",
            remedy="Use a posterior such as `vector_quantized`, or the prior `standard_gaussian`.",
        )
    if posterior.discrete and not prior.discrete:
        raise ComponentError(
            f"the posterior {posterior_name!r} has discrete codes, but the prior {name!r} is a density over volumes",
            where=f"model.{role}",
            remedy="Use the prior `uniform_codes`.",
        )
    if prior.manifold is not None and prior.manifold != posterior.manifold:
        mine, other = _SPACES[prior.manifold], _SPACES[posterior.manifold]
        raise ComponentError(
            f"the prior {name!r} is a distribution over {mine}, the posterior {posterior_name!r} one over {other}",
            where=f"model.{role}",
            remedy=f"Use the prior {_priors_over(posterior.manifold)}, or another posterior.",
        )
    if role == "prior" and not prior.has_density:
        raise ComponentError(
            f"the prior {name!r} can be sampled but has no density, which training needs",
            where="model.prior",
            remedy="Name it as `fitted_prior`, and train with `standard_gaussian`.",
        )
    if prior.needs_density and posterior.density != "any":
        raise ComponentError(
            f"the prior {name!r} evaluates q(z|x) at any z, which the posterior {posterior_name!r} cannot",
            where=f"model.{role}",
            remedy="Use a posterior whose density is known everywhere, such as `diagonal_gaussian`.",
        )


_SPACES = {"euclidean": "all vectors", "sphere": "the unit sphere", "ball": "the Poincaré ball"}


def _priors_over(manifold: str) -> str:
    """Return the names of the priors over a space, for an error."""
    names = [
        f"`{name}`"
        for name, prior in usable_components("prior").items()
        if getattr(prior, "manifold", None) == manifold and not getattr(prior, "discrete", False)
    ]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
