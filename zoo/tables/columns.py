"""The check that a table has the columns that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.errors import DataError, nearest

_SHOWN_MISSING, _SHOWN = 5, 20


def check_columns(known: Sequence[str], present: Sequence[str], table: str, *, where: str = "columns") -> None:
    """Raise an error if a table lacks columns that a model was trained on.

    Args:
        known: the columns of the model.
        present: the columns of the table.
        table: what the table is called, such as ``"the DataFrame"`` or the name of its file.
        where: the field or argument that an error names.

    Raises:
        DataError: columns are missing; the message names them.

    Example:
        >>> try:
        ...     check_columns(["age", "height"], ["age", "heigth"], "people.csv")
        ... except DataError as error:
        ...     print(error.problem)
        expected the columns that the model was trained on, got no column 'height' in people.csv
    """
    missing = [name for name in known if name not in present]
    if missing:
        raise DataError(
            f"expected the columns that the model was trained on, got no column {_quoted(missing, _SHOWN_MISSING)} in "
            f"{table}",
            where=where,
            remedy=f"{nearest(missing[0], present)}The columns are {_quoted(present, _SHOWN)}. If the values of a "
            "missing column are not known, add it as an empty column.",
        )


def _quoted(names: Sequence[str], most: int) -> str:
    return ", ".join(map(repr, names[:most])) + (", …" if len(names) > most else "")
