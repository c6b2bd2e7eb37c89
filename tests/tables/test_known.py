"""Tables that are read by the columns of a model: by what it learned of them, not by what they look like."""

from __future__ import annotations

import csv
import math
import pathlib
import warnings

import pytest

import zoo
from zoo.datasets import Collection
from zoo.datasets.table import Table
from zoo.errors import DataError, ZooWarning
from zoo.preparation.rows import rows_of_frame
from zoo.spec.data_description import DataDescription
from zoo.spec.overrides import apply_override
from zoo.tables.options import setting

TRAINED = [
    {"age": str(3 + number), "weight": f"{number}.5", "city": ("Oslo", "Rome", "Nice")[number % 3],
     "member": ("no", "yes")[number % 2], "joined": f"2020-01-{number + 10}", "kind": ("cat", "dog")[number % 2]}
    for number in range(12)
]  # fmt: skip


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> DataDescription:
    path = tmp_path_factory.mktemp("known") / "trained.csv"
    write(path, TRAINED)
    description = zoo.load_data({"name": "table", "path": str(path), "label": "kind"}).info.description
    assert description is not None
    return description


def write(path: pathlib.Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def read(path: pathlib.Path, known: DataDescription, values: dict[str, object], **options) -> Collection:
    """Read the training rows with other values: of each row a text, or a function of its number; None: no column."""
    rows = []
    for number, trained in enumerate(TRAINED):
        row = {**trained, **{name: v(number) if callable(v) else v for name, v in values.items()}}
        rows.append({name: value for name, value in row.items() if value is not None})
    write(path, rows)
    # The options of a resolved recipe: every default is written out.
    stated = {"label": "kind", "others": "infer", "max_categories": 2, "hash_buckets": 32, **options}
    return Table(path=str(path), **stated).adapted_to(known).load(lambda _: None)


def column(collection: Collection, name: str) -> list[float]:
    place = [column.name for column in collection.columns].index(name)
    return collection.splits["train"].examples[:, place].tolist()


@pytest.mark.parametrize(
    "extra",
    [lambda n: f"note {n}", lambda n: "abc" if n == 3 else n, "", "inf", "1,234", lambda n: f"{10**17 + n}"],
    ids=["free text", "mixed", "empty", "infinite", "ambiguous", "identifier"],
)
def test_another_column_is_left_out_whatever_it_holds(tmp_path, known, extra):
    expected = read(tmp_path / "same.csv", known, {})
    found = read(tmp_path / "more.csv", known, {"extra": extra})
    assert found.columns == known.columns
    assert found.splits["train"].examples.equal(expected.splits["train"].examples)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_another_column_of_a_frame_is_left_out_whatever_it_holds(known, library):
    frame = pytest.importorskip(library).DataFrame({**{name: [row[name] for row in TRAINED] for name in TRAINED[0]},
                                                    "extra": [f"note {number}" for number in range(12)]})  # fmt: skip
    data = zoo.load_data(frame, like=known, whole=True)
    assert data.info.description.columns == known.columns


def test_a_table_has_as_many_values_as_it_likes_in_a_column_of_few_categories(tmp_path, known):
    with pytest.warns(ZooWarning, match="taken as missing: 'City0', 'City1'.* in the column 'city'"):
        found = read(tmp_path / "t.csv", known, {"city": lambda n: f"City{n}"})
    assert all(map(math.isnan, column(found, "city")))


@pytest.mark.parametrize("name", ["age", "weight", "city", "member", "joined"])
def test_a_column_without_values_is_missing(tmp_path, known, name):
    assert all(map(math.isnan, column(read(tmp_path / "t.csv", known, {name: ""}), name)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [("yes", [1.0] * 12), (lambda n: ("NO", "Yes")[n % 2], [0.0, 1.0] * 6), (lambda n: n % 2, [0.0, 1.0] * 6)],
    ids=["one of two", "capitals", "numbers"],
)
def test_words_mean_what_they_meant_in_training(tmp_path, known, values, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert column(read(tmp_path / "t.csv", known, {"member": values}), "member") == expected


def test_a_third_word_is_missing(tmp_path, known):
    with pytest.warns(ZooWarning, match="'maybe' in the column 'member'"):
        found = column(read(tmp_path / "t.csv", known, {"member": lambda n: ("no", "yes", "maybe")[n % 3]}), "member")
    assert found[:2] == [0.0, 1.0]
    assert math.isnan(found[2])


def test_decimal_commas_of_another_file_are_found(tmp_path, known):
    found = read(tmp_path / "t.csv", known, {"weight": lambda n: f"{n},5", "age": lambda n: f"{n + 3},0"})
    assert column(found, "weight") == [number + 0.5 for number in range(12)]
    assert column(found, "age") == [number + 3.0 for number in range(12)]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"weight": lambda n: "high" if n == 3 else "1.5"}, "expected numbers in the .* 'weight', got 'high' in row 4"),
        ({"weight": lambda n: "high" if n == 3 else "1,5"}, "expected numbers in the .* 'weight', got 'high' in row 4"),
        ({"joined": lambda n: "soon" if n == 3 else "2020-01-01"}, "expected dates in the column 'joined', got 'soon'"),
        ({"age": lambda n: f"{n}.5" if n == 3 else f"{n}"}, "expected whole numbers in .* 'age', got 3.5 in row 4"),
        ({"age": lambda n: "1,234" if n == 5 else f"{n}"}, "numbers such as '1,234', which may be 1.234 or 1234"),
        ({"weight": "inf"}, "expected finite numbers in the column 'weight'"),
        ({"weight": None, "wieght": "1"}, "no column 'weight'.*\nDid you mean 'wieght'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(tmp_path, known, values, match):
    with pytest.raises(DataError, match=match):
        read(tmp_path / "t.csv", known, values)


@pytest.mark.parametrize("kind", [None, "", lambda n: "" if n else "cat"], ids=["absent", "empty", "partly"])
def test_the_label_is_no_input_so_other_data_need_none(tmp_path, known, kind):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = read(tmp_path / "t.csv", known, {"kind": kind})
    assert (found.splits["train"].labels, found.label, found.class_names) == (None, None, ())
    assert ["used without classes" in str(warning.message) for warning in warned] == [True] * callable(kind)


def test_a_stated_type_says_whether_numbers_may_have_fractions(tmp_path, known):
    found = read(tmp_path / "t.csv", known, {"age": lambda n: f"{n}.5"}, columns={"age": "numeric"})
    assert column(found, "age") == [number + 0.5 for number in range(12)]
    with pytest.raises(DataError, match=r"expected whole numbers in the column 'weight', got 0\.5 in row 1"):
        read(tmp_path / "t.csv", known, {}, columns={"weight": "integer"})


TYPES = {"age": "integer", "weight": "numeric", "city": "categorical", "member": "boolean", "joined": "date"}


@pytest.mark.parametrize(
    "options",
    [
        {"columns": TYPES},
        {"columns": TYPES, "others": "ignore"},
        {"columns": {"kind": "categorical", "city": "categorical"}},
        {"columns": {"extra": "ignore", "absent": "ignore"}},
    ],
    ids=["as they are", "no others", "the label", "what the model lacks"],
)
def test_choices_that_agree_with_the_model_change_nothing(tmp_path, known, options):
    expected = read(tmp_path / "same.csv", known, {}).splits["train"].examples
    assert read(tmp_path / "t.csv", known, {"extra": "1"}, **options).splits["train"].examples.equal(expected)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"columns": {"nosuch": "numeric"}}, "columns: unknown column 'nosuch' in t.csv"),
        ({"columns": {"age": "ignore"}}, "columns: .* got 'ignore' for the column 'age': its type is 'integer'"),
        ({"columns": {"city": "hash"}}, "columns: .* got 'hash' for the column 'city': its type is 'categorical'"),
        ({"columns": {"extra": "numeric"}}, "got 'numeric' for the column 'extra': the model was not trained on it"),
        ({"columns": {"age": "integer"}, "others": "ignore"}, "others: .* got `others: ignore` for .* 'weight'"),
    ],
)
def test_choices_that_contradict_the_model_are_refused(tmp_path, known, options, match):
    with pytest.raises(DataError, match=match):
        read(tmp_path / "t.csv", known, {"extra": "1"}, **options)


FLAGS = ["None", "some", "some", "None"] * 3


@pytest.mark.parametrize("kind", ["boolean", "categorical"])
def test_a_word_that_the_model_knows_is_not_missing(tmp_path, kind):
    frame = pytest.importorskip("pandas").DataFrame({"flag": FLAGS, "age": range(12)})
    description = zoo.load_data(frame, columns={"flag": kind}).info.description
    assert description is not None
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [
            Table().adapted_to(description).collection_of({"train": frame}, print).splits["train"].examples,
            Table(path=str(path)).adapted_to(description).load(print).splits["train"].examples,
            Table(path=str(path), missing=[""]).adapted_to(description).load(print).splits["train"].examples,
            rows_of_frame(frame, description),
        ]
    assert [examples[:, 0].tolist() for examples in found] == [[float(flag == "some") for flag in FLAGS]] * 4


def test_a_known_word_in_other_capitals_is_not_missing(tmp_path):
    write(tmp_path / "t.csv", [{"flag": flag.lower(), "age": str(age)} for age, flag in enumerate(FLAGS)])
    flag = {"name": "flag", "type": "boolean", "categories": ["None", "some"]}
    description = DataDescription(shape=(2,), columns=[flag, {"name": "age"}])
    found = Table(path=str(tmp_path / "t.csv")).adapted_to(description).load(lambda _: None)
    assert column(found, "flag") == [float(flag == "some") for flag in FLAGS]


def test_an_empty_value_of_a_file_is_missing_though_a_frame_had_it_as_a_word(tmp_path):
    write(tmp_path / "t.csv", [{"flag": "some" if age % 2 else "", "age": str(age)} for age in range(4)])
    flag = {"name": "flag", "type": "categorical", "categories": ["", "some"]}
    description = DataDescription(shape=(3,), columns=[flag, {"name": "age"}])
    found = Table(path=str(tmp_path / "t.csv")).adapted_to(description).load(lambda _: None)
    assert list(map(math.isnan, column(found, "flag"))) == [True, False] * 2


def test_only_the_texts_that_are_stated_as_missing_are_missing(tmp_path, known):
    assert all(map(math.isnan, column(read(tmp_path / "t.csv", known, {"age": "NA"}), "age")))
    with pytest.raises(DataError, match="expected numbers in the column 'age', got 'NA'"):
        read(tmp_path / "t.csv", known, {"age": "NA"}, missing=[""])


@pytest.mark.parametrize("kind", [None, "", "cat"], ids=["absent", "empty", "there"])
def test_labels_of_a_split_are_not_left_out_silently_where_another_has_none(known, kind):
    pandas = pytest.importorskip("pandas")
    frames = {"train": pandas.DataFrame(TRAINED), "test": pandas.DataFrame(TRAINED[:2]).drop(columns="kind")}
    if kind is not None:
        frames["test"]["kind"] = kind or pandas.NA
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = Table(label="kind").adapted_to(known).collection_of(frames, print)
    expected = ["2 of 2 rows of the DataFrame of test have no class in 'kind': the data are used without classes"]
    assert [str(warning.message) for warning in warned] == ([] if kind else expected)
    assert found.class_names == (("cat", "dog") if kind else ())


def test_classes_of_other_data_may_be_many_and_a_stated_label_must_be_there(tmp_path, known):
    assert len(read(tmp_path / "t.csv", known, {"kind": lambda n: f"kind {n}"}).class_names) == 12
    with pytest.raises(DataError, match="unknown column 'sort'"):
        read(tmp_path / "t.csv", known, {}, label="sort")


@pytest.mark.parametrize("name", ["id", "my id", "größe", "no", "7", "it's"])
def test_the_stated_remedy_leaves_a_column_out(name):
    import shlex

    import yaml

    in_recipe, _, on_command_line = setting(name, "ignore").partition(" (")
    assert yaml.safe_load(in_recipe.strip("`"))["columns"] == {name: "ignore"}
    _, override = shlex.split(on_command_line.strip("`)"))
    document: dict = {}
    apply_override(document, override)
    assert document == {"data": {"columns": {name: "ignore"}}}
