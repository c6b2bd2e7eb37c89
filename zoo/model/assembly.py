"""From a spec to a model: components are found, their options checked, and the parts wired and held together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from zoo.encoders import Encoder
from zoo.errors import ComponentError, RecipeError
from zoo.likelihoods import Likelihood
from zoo.model.model import Model
from zoo.objectives import Objective
from zoo.registry import find_component
from zoo.spec.component import ComponentSpec
from zoo.spec.model import PARTS, ModelSpec
from zoo.spec.options import check_options, construct
from zoo.spec.resolve import load_model_spec


def build(model: str | Mapping[str, Any] | ModelSpec, *, pretrained: str | None = None, **overrides: Any) -> Model:
    """Build a model from a preset's name, a mapping or a spec, with fresh weights or trained ones.

    Args:
        model: ``"vae-mlp-2d"``, a mapping with the fields of :class:`ModelSpec`, or a spec.
        pretrained: what the weights of a preset were trained on, such as ``"digits"``; :func:`zoo.list_pretrained`
            tells what there is. The model is as it was trained, in evaluation mode.
        overrides: fields of the spec to set: ``latent_dim=10``, ``data_shape=(3, 32, 32)``, ``encoder="conv"``,
            ``objective={"beta": 4.0}``.

    Raises:
        RecipeError: a field is unknown or wrong.
        ComponentError: a component or an option is unknown or wrong, or two parts cannot work together.

    Example:
        >>> import zoo
        >>> model = zoo.build("vae-mlp-2d", latent_dim=10, data_shape=(3, 32, 32))
        >>> model.spec.latent_dim, model.spec.likelihood.name
        (10, 'bernoulli')
    """
    if pretrained is not None:
        return _build_pretrained(model, pretrained, overrides)
    return assemble(load_model_spec(model, overrides))


def _build_pretrained(
    model: str | Mapping[str, Any] | ModelSpec, pretrained: str, overrides: Mapping[str, Any]
) -> Model:
    if not isinstance(model, str) or overrides:
        raise RecipeError(
            "pretrained weights belong to a preset as it was trained",
            where=f"build(pretrained={pretrained!r})",
            remedy="Name a preset and nothing else; `zoo-cli list pretrained` shows what there is.",
        )
    # Through the public name, which is resolved when it is used: the shelf of weights stands above this module.
    import zoo

    return zoo.load(f"{model}.{pretrained}")


def assemble(spec: ModelSpec) -> Model:
    """Build the model of a spec; ``model.spec`` holds every option with its value."""
    if spec.data_shape is None:
        raise RecipeError(
            "missing", where="model.data_shape", remedy="Give the shape of one example, such as [1, 28, 28]."
        )
    objective_class, objective_spec = _checked("objective", spec.objective)
    objective = cast(Objective, construct(objective_class, objective_spec.options, {}, "model.objective"))
    resolved = _resolve(spec, objective_spec, objective)
    parts = _wire(resolved, objective)
    model = Model(resolved, parts, objective)
    objective.check(resolved, model)
    return model


def _resolve(spec: ModelSpec, objective_spec: ComponentSpec, objective: Objective) -> ModelSpec:
    """Return the spec with every option of every component, and only the parts that the objective needs."""
    changes: dict[str, Any] = {"objective": objective_spec}
    needs = _needed_parts(spec, objective_spec.name, objective)
    for role in PARTS:
        component: ComponentSpec | None = getattr(spec, role)
        if role in needs:
            if component is None:
                raise ComponentError(
                    f"the objective {objective_spec.name!r} needs one, none came",
                    where=f"model.{role}",
                    remedy=f"Add `{role}: NAME`; `zoo-cli list {role}` shows what there is.",
                )
            changes[role] = _checked(role, component)[1]
        elif component is not None and role in spec.model_fields_set:
            raise ComponentError(
                f"the objective {objective_spec.name!r} uses none, {component.name!r} came",
                where=f"model.{role}",
                remedy="Leave it out.",
            )
        else:
            changes[role] = None
    return spec.model_copy(update=changes)


def _needed_parts(spec: ModelSpec, name: str, objective: Objective) -> tuple[str, ...]:
    """Return the parts that the objective needs, or those of its alternatives that the spec names."""
    named = {role for role in PARTS if getattr(spec, role) is not None and role in spec.model_fields_set}
    choices = (objective.needs, *objective.alternatives)
    known = named & {role for choice in choices for role in choice}
    chosen = next((choice for choice in choices if known <= set(choice)), None)
    if chosen is None:
        either = "; or ".join(", ".join(choice) for choice in choices)
        raise ComponentError(
            f"the objective {name!r} takes either {either}; {', '.join(role for role in PARTS if role in known)} came",
            where="model",
            remedy="Leave out the parts of one of them; `encoder: null` takes away what a preset gives.",
        )
    has_code = {"posterior", "decoder"} & set(chosen)
    if has_code and spec.latent_dim is None:
        raise RecipeError("missing", where="model.latent_dim", remedy="Give the number of latent dimensions.")
    if not has_code and spec.latent_dim is not None:
        raise RecipeError(
            f"{spec.latent_dim} came, but a model of {', '.join(chosen)} has no latent dimensions",
            where="model.latent_dim",
            remedy="Leave it out; `latent_dim: null` takes away what a preset gives.",
        )
    return chosen


def _checked(role: str, component: ComponentSpec) -> tuple[type, ComponentSpec]:
    found = find_component(role, component.name, where=f"model.{role}")
    return found, component.with_options(check_options(found, component.options, f"model.{role}"))


def _wire(spec: ModelSpec, objective: Objective) -> dict[str, nn.Module]:
    """Construct the parts in the order in which each tells the next what it needs."""
    wiring: dict[str, Any] = {
        "data_shape": spec.data_shape,
        "latent_dim": spec.latent_dim,
        "condition_dim": spec.condition_dim if spec.classes or objective.uses_time else 0,
    }
    parts: dict[str, nn.Module] = {}

    def make(role: str) -> nn.Module | None:
        component: ComponentSpec | None = getattr(spec, role)
        if component is not None:
            found = find_component(role, component.name, where=f"model.{role}")
            parts[role] = construct(found, component.options, wiring, f"model.{role}")
        return parts.get(role)

    likelihood = make("likelihood")
    wiring["output_shape"] = cast(Likelihood, likelihood).parameter_shape if likelihood else spec.data_shape
    encoder = make("encoder")
    if encoder:
        wiring["features"] = cast(Encoder, encoder).features
    for role in ("posterior", "prior", "decoder", "network"):
        make(role)
    return {role: parts[role] for role in PARTS if role in parts}
