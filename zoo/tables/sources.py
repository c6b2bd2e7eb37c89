"""Where tables come from: files of text and of Parquet, and data sets of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import DataError
from zoo.tables.delimited import DelimitedSource
from zoo.tables.frames import check_names, frame_values
from zoo.tables.libraries import library
from zoo.tables.options import TableOptions
from zoo.tables.reading import ROWS_AT_ONCE, Block, Source
from zoo.utils.foreign import check_regular, parsing

HUB = "hf://datasets/"
_TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", "")
_PARQUET = (".parquet", ".pq")
ENDINGS = (".csv", ".tsv", ".tab", *_PARQUET)
"""Files of these endings are tables; others are read as text where somebody says so."""
_FORMATS = "Formats: .csv, .tsv, .txt, .parquet, folders that Hugging Face's `datasets` saved, hf://datasets/USER/NAME."
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}


def sources_of(
    path: str, options: TableOptions, text: Mapping[str, Any], note: Callable[[str], None]
) -> dict[str, Source]:
    """Return the splits that a path leads to, by name; a single file is ``train``.

    Args:
        text: how delimited text is written: arguments of :class:`DelimitedSource`.

    Raises:
        DataError: there is nothing, of no known format, or a library is not installed.
    """
    if path.startswith(HUB):
        return _of_hub(path.removeprefix(HUB))
    place = Path(path).expanduser().absolute()
    if place.is_dir():
        return _of_folder(place)
    if not place.exists():
        raise DataError(f"the file {place} does not exist", where="path", remedy=_FORMATS)
    suffix = place.suffix.casefold()
    if suffix in _PARQUET:
        return {"train": ParquetSource(place)}
    if suffix in _TEXT:
        source = DelimitedSource(place, options, **text)
        for sentence in source.left_out:
            note(sentence)
        return {"train": source}
    remedy = "Save it as CSV: `pandas.read_excel(path).to_csv(…)`." if suffix in (".xlsx", ".xls") else _FORMATS
    raise DataError(f"expected a table, got a file that ends in {suffix!r}", where="path", remedy=remedy)


class ParquetSource(Source):
    """A file of Parquet, read in blocks of rows.

    Raises:
        DataError: pyarrow or pandas is not installed, or the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        parquet = library("pyarrow.parquet", "reading Parquet", where="path")
        library("pandas", "reading Parquet", where="path")
        with parsing(path, DataError):
            check_regular(path)
            with parquet.ParquetFile(path) as file:
                self.names = [str(name) for name in file.schema_arrow.names]
        check_names(self.names)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks."""
        parquet = library("pyarrow.parquet", "reading Parquet", where="path")
        with parsing(self.path, DataError), parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                batch.validate(full=True)  # texts that are not UTF-8 would fail later, where they are read
                frame = batch.to_pandas(ignore_metadata=True, integer_object_nulls=True)
                yield lambda place, frame=frame: frame_values(frame, place)  # type: ignore[misc]


class HuggingFaceSource(Source):
    """A split of a data set of Hugging Face's ``datasets``, read in blocks of rows.

    Raises:
        DataError: pandas is not installed, or two columns have the same name.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset, self.name = dataset, name
        library("pandas", "reading a data set of Hugging Face", where="path")
        self.names = list(dataset.column_names)

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks; classes of a ``ClassLabel`` have their names."""
        classes = {
            name: feature.names
            for name, feature in self._dataset.features.items()
            if type(feature).__name__ == "ClassLabel"
        }
        for frame in self._dataset.to_pandas(batch_size=ROWS_AT_ONCE, batched=True):
            for name, names in classes.items():
                numbers = frame[name]
                frame[name] = [None if n != n or n is None or n < 0 else names[int(n)] for n in numbers]
            yield lambda place, frame=frame: frame_values(frame, place)  # type: ignore[misc]


def huggingface_sources(found: Any, name: str) -> dict[str, Source]:
    """Return the splits of a ``Dataset`` or ``DatasetDict`` of Hugging Face's library.

    Raises:
        DataError: it has splits, but none to train on.
    """
    if hasattr(found, "features") and hasattr(found, "to_pandas"):
        return {"train": HuggingFaceSource(found, name)}
    splits = {_SPLITS[key]: part for key, part in found.items() if key in _SPLITS}
    if "train" not in splits:
        if len(found) == 1:
            return {"train": HuggingFaceSource(next(iter(found.values())), name)}
        raise DataError(f"expected a split `train`, got {', '.join(found)} in {name}", where="path")
    return {
        split: HuggingFaceSource(splits[split], f"{name} ({split})") for split in _SPLITS.values() if split in splits
    }


def _of_folder(place: Path) -> dict[str, Source]:
    if not any((place / name).is_file() for name in ("dataset_dict.json", "state.json", "dataset_info.json")):
        raise DataError(f"{place} is a folder, and no data set that `datasets` saved", where="path", remedy=_FORMATS)
    datasets = library("datasets", "a data set of Hugging Face", where="path")
    with parsing(place, DataError):
        found = datasets.load_from_disk(str(place))
    return huggingface_sources(found, place.name)


def _of_hub(name: str) -> dict[str, Source]:
    datasets = library("datasets", "a data set of Hugging Face", where="path")
    repository, _, configuration = name.partition(":")
    with parsing(HUB + name, DataError, remedy="Check the name, the network, and `hf auth login` for private ones."):
        found = datasets.load_dataset(repository, configuration or None)
    return huggingface_sources(found, repository)
