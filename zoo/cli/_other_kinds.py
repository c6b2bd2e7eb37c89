"""The kinds of names in a recipe that are not components: optimisers, schedules, trackers, and fields."""

from __future__ import annotations

from typing import Any, get_args

KINDS = ("optimizer", "schedule", "tracker", "field")


def entries(kind: str) -> dict[str, str]:
    """Return the names of a kind, each with a sentence that describes it."""
    return {name: facts["text"].split("\n\n")[0].replace("\n", " ") for name, facts in described(kind).items()}


def described(kind: str) -> dict[str, dict[str, Any]]:
    """Return the facts of each entry of a kind, by name."""
    return {"optimizer": _optimizers, "schedule": _schedules, "tracker": _trackers, "field": _fields}[kind]()


def _optimizers() -> dict[str, dict[str, Any]]:
    from zoo.spec.component import ComponentSpec
    from zoo.training.optimizers import check_optimizer, optimizer_classes

    found = {}
    for name, made in optimizer_classes().items():
        options = check_optimizer(ComponentSpec(name=name)).options
        facts = {option: {"type": type(value).__name__, "default": str(value)} for option, value in options.items()}
        text = f"torch.optim.{made.__name__}, for `train.optimizer` and the turns of adversaries."
        found[name] = {
            "kind": "optimizer",
            "name": name,
            "source": f"torch.optim.{made.__name__}",
            "options": facts,
            "text": text,
        }
    return found


def _schedules() -> dict[str, dict[str, Any]]:
    from zoo.cli._fields import recipe_fields
    from zoo.spec.schedule import WeightSchedule
    from zoo.spec.training import ScheduleSpec

    rates = get_args(ScheduleSpec.model_fields["name"].annotation)
    weights = get_args(WeightSchedule.model_fields["name"].annotation)
    options = {
        path.rpartition(".")[2]: {"type": field.type, "default": field.default}
        for path, field in recipe_fields().items()
        if path.startswith("train.schedule.") and not path.endswith(".name")
    }
    found = {}
    for name in dict.fromkeys((*rates, *weights)):
        uses = [use for use, names in (("the learning rate, `train.schedule`", rates), ("weights of the loss, such as "
                "`model.objective.beta`", weights)) if name in names]  # fmt: skip
        words = str(ScheduleSpec.model_fields["name"].description) if name in rates else str(WeightSchedule.__doc__)
        found[name] = {
            "kind": "schedule",
            "name": name,
            "source": "zoo.spec.training" if name in rates else "zoo.spec.schedule",
            "options": options if name in rates else {},
            "text": f"For {' and '.join(uses)}.\n\n{words}",
        }
    return found


def _trackers() -> dict[str, dict[str, Any]]:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    installed = {str(getattr(each, "value", each)) for each in get_available_trackers()}
    names = sorted(str(getattr(each, "value", each)) for each in LOGGER_TYPE_TO_CLASS)
    return {
        name: {
            "kind": "tracker",
            "name": name,
            "source": "accelerate",
            "text": f"For `train.trackers`. {'Installed.' if name in installed else 'Its package is not installed.'}",
        }
        for name in names
    }


def _fields() -> dict[str, dict[str, Any]]:
    from zoo.cli._fields import recipe_fields

    found = {}
    for path, field in recipe_fields().items():
        needed = "required" if field.default is None else f"default {field.default}"
        found[path] = {**field.facts(), "source": "a recipe", "text": f"{field.meaning} ({field.type}; {needed})"}
    return found
