"""Tables."""

from __future__ import annotations

import zoo
from zoo.data import Data
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.runs.data_fit import fit_to_data


def table_model(data: Data, preset: str = "vae-table-8d") -> Model:
    """Return a small model of a table with fresh weights, in evaluation mode."""
    spec = zoo.build(preset).spec.model_copy(update={"data_shape": None})
    return assemble(fit_to_data(spec, data)).eval()
