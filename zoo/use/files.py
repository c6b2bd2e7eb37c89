"""Writing of rows to files, block by block: tables, arrays and images. A file is complete or absent."""

from __future__ import annotations

import csv
import importlib
import itertools
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zoo.errors import InputError
from zoo.use.pictures import as_images, grid
from zoo.use.rows import Array, Block, RowStream, flat
from zoo.utils.files import replacing, replacing_directory
from zoo.utils.libraries import import_library
from zoo.utils.text import numbered, portable_name, take_name

MOST_IN_GRID = 400
"""The largest number of examples in a grid."""
_MOST_COLUMNS = 4096
_TABLES = (".csv", ".tsv", ".parquet")
_GRIDS = (".png", ".svg", ".pdf")
_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of all files in an archive, so that the same rows give the same bytes."""


def write(stream: RowStream, path: str | Path) -> Path:
    """Write rows to a file, whose suffix determines the format, or images to a folder; return the path.

    ``.csv``, ``.tsv`` and ``.parquet`` are tables with a column for each number, and an empty cell for NaN. ``.npz``
    contains an array for each quantity. Images are also written as a grid of at most 400 (``.png``, ``.svg``,
    ``.pdf``), or, without a suffix, to a folder, with a PNG per example that has its name or row number. The file, or
    the folder, is complete or absent.

    Raises:
        InputError: the format is unknown or cannot contain these rows, pyarrow is not installed, or the path is in use.
        OSError: the disk is full, or writing is not permitted.
    """
    target = Path(path)
    check(stream, target)
    suffix = target.suffix.lower()
    if not suffix:
        with replacing_directory(target) as folder:
            _write_images(stream, folder)
        return target
    with replacing(target) as temporary:
        _WRITERS[suffix](stream, temporary)
    return target


def check(stream: RowStream, path: Path) -> None:
    """Check that a file can contain the rows, before they are computed.

    Raises:
        InputError: it cannot; the message names the formats that can.
    """
    suffix = path.suffix.lower()
    columns = sum(len(each.columns) for each in stream.all_quantities)
    whole = [each for each in stream.quantities if each.name in stream.images]
    tables = _TABLES if not whole and columns <= _MOST_COLUMNS else ()
    kinds = [*tables, ".npz", *(_GRIDS if stream.images else ())]
    known = f"{', '.join(kinds)}" + (" or a folder (no suffix)" if stream.images else "")
    if suffix in _TABLES and not tables:
        what = f"images of shape {list(whole[0].shape)}" if whole else f"{columns:,} numbers in a row"
        most = "" if whole else f" (at most {_MOST_COLUMNS:,})"
        raise InputError(f"a {suffix} table cannot contain {what}{most}", where="--out", remedy=f"Use {known}.")
    if (suffix in _GRIDS or not suffix) and not stream.images:
        kind = "an image file" if suffix else "a folder of images"
        raise InputError(
            f"expected images for {kind}, got {stream.what}",
            where="--out",
            remedy=f"Use {known}.",
        )
    if suffix and suffix not in kinds:
        raise InputError(f"expected a file of a known format, got {suffix!r}", where="--out", remedy=f"Use {known}.")
    if suffix in _GRIDS and stream.count > MOST_IN_GRID:
        raise InputError(
            f"expected at most {MOST_IN_GRID} examples in one image, got {stream.count:,}",
            where="--out",
            remedy=f"Name a folder, or use only the first {MOST_IN_GRID}: --count {MOST_IN_GRID}",
        )
    if suffix == ".parquet":
        _arrow()


def _write_table(stream: RowStream, path: Path, delimiter: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow([name for each in stream.all_quantities for name in each.columns])
        for block in stream.blocks:
            columns = [cells(column) for _, column in _columns(stream, block)]
            writer.writerows(zip(*columns, strict=True))


def _columns(stream: RowStream, block: Block) -> Iterator[tuple[str, Array]]:
    for each in stream.all_quantities:
        yield from flat(each, block[each.name])


def cells(column: Array) -> list[Any]:
    """Return the values of a column as cells of a table: numbers with the digits of their type, missing ones empty."""
    if column.dtype.kind == "f":
        # The shortest texts that represent the numbers exactly; for float32 they differ from those of Python's floats.
        return ["" if missing else text for text, missing in zip(column.astype(str), np.isnan(column), strict=True)]
    if column.dtype.kind == "M":
        days = column.astype("datetime64[D]")
        column = days if bool(((days == column) | np.isnat(column)).all()) else column.astype("datetime64[ms]")
        return ["" if text == "NaT" else text for text in column.astype(str).tolist()]
    return ["" if _is_missing(value) else value for value in column.tolist()]


def _is_missing(value: Any) -> bool:
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def _arrow() -> Any:
    import_library("pyarrow.parquet", ".parquet", install="pip install pyarrow, or use .csv.", where="--out")
    return importlib.import_module("pyarrow")


def _write_parquet(stream: RowStream, path: Path) -> None:
    arrow = _arrow()
    writer: Any = None
    try:
        for block in _at_least_one(stream):
            columns = dict(_columns(stream, block))
            table = arrow.table(
                {
                    name: arrow.array(column.tolist() if column.dtype.kind == "O" else column, from_pandas=True)
                    for name, column in columns.items()
                }
            )
            writer = writer or arrow.parquet.ParquetWriter(path, table.schema)
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()


def _write_npz(stream: RowStream, path: Path) -> None:
    """Write each quantity to a separate file while it is computed, and then all of them to the archive."""
    texts: dict[str, list[Array]] = {}
    types: dict[str, np.dtype[Any]] = {}
    places = {each.name: path.with_name(f"{number}.npy") for number, each in enumerate(stream.all_quantities)}
    for block in _at_least_one(stream):
        for name, place in places.items():
            values = block[name]
            if values.dtype.kind in "OU":
                texts.setdefault(name, []).append(_as_text(values))
                continue
            # Not a memory map: a full disk would kill the process. Opened for each block, because a table may have more
            # columns than a process may have open files.
            with place.open("ab") as file:
                if name not in types:
                    types[name] = values.dtype
                    np.lib.format.write_array_header_1_0(file, _header(values.dtype, stream.count, values.shape[1:]))
                file.write(np.ascontiguousarray(values, types[name]).tobytes())
    with zipfile.ZipFile(path, "w") as archive:
        for name, place in places.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _ARCHIVE_DATE), "w", force_zip64=True) as inside:
                if name in texts:
                    np.lib.format.write_array(inside, np.concatenate(texts[name]), allow_pickle=False)
                    continue
                with place.open("rb") as file:
                    shutil.copyfileobj(file, inside)
                place.unlink()


def _header(dtype: np.dtype[Any], count: int, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count, *shape)}


def _as_text(values: Array) -> Array:
    """Return objects, such as categories, as texts; missing ones are empty."""
    return np.array(["" if _is_missing(value) else str(value) for value in values.tolist()], dtype=str)


def _at_least_one(stream: RowStream) -> Iterator[Block]:
    """Yield the blocks, or an empty one if there are no rows, so that the file has its columns."""
    empty = True
    for block in stream.blocks:
        empty = False
        yield block
    if empty:
        yield {each.name: np.zeros((0, *each.shape)) for each in stream.all_quantities}


def _write_images(stream: RowStream, folder: Path) -> None:
    """Write a PNG for each example."""
    taken: set[str] = set()
    for block in stream.blocks:
        images = as_images(block[stream.images[-1]], stream.data)
        for number, name in enumerate(_names(stream, block)):
            # The second of 1.jpg and 1.png, or of A.png and a.png, gets another name.
            others = (f"{other}.png" for other in numbered(name.as_posix()))
            place = take_name(itertools.chain([name.with_suffix(".png").as_posix()], others), taken)
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            images[number].save(folder / place)


def _names(stream: RowStream, block: Block) -> list[Path]:
    if "name" in block:
        parts = (PurePosixPath(name.replace("\\", "/")).parts for name in block["name"].tolist())
        below = ([part for part in each if part not in ("/", "..")] or [""] for each in parts)
        return [Path(*map(portable_name, each)) for each in below]
    width = len(str(stream.count))
    above = block["split"].tolist() if "split" in block else [""] * len(block["row"])
    return [Path(split, f"{row:0{width}d}") for split, row in zip(above, block["row"].tolist(), strict=True)]


def _write_grid(stream: RowStream, path: Path) -> None:
    blocks = list(stream.blocks)
    sets = [np.concatenate([block[name] for block in blocks]) for name in stream.images]
    figure = grid(sets, stream.data)
    figure.savefig(path, format=path.suffix.lower().removeprefix("."), dpi=150)


_WRITERS: dict[str, Callable[[RowStream, Path], None]] = {
    ".csv": lambda stream, path: _write_table(stream, path, ","),
    ".tsv": lambda stream, path: _write_table(stream, path, "\t"),
    ".parquet": _write_parquet,
    ".npz": _write_npz,
    **dict.fromkeys(_GRIDS, _write_grid),
}
