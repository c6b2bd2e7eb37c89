"""Modules import only what stands before them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo
from zoo.registry import KINDS

PACKAGE = Path(zoo.__file__).parent
LAYERS = [
    ["version"],
    ["zoo"],
    ["errors"],
    ["utils"],
    ["registry"],
    ["spec"],
    ["nn", "divergences", "diffusion", "quantisation", "formats", "tables"],
    ["corruptions", "encoders", "decoders", "networks", "posteriors", "priors", "likelihoods", "datasets"],
    ["preparation"],
    ["model"],
    ["checkpoints"],
    ["regularisers", "objectives"],
    ["data"],
    ["analysis"],
    ["evaluation", "drawing"],
    ["metrics", "figures"],
    ["use", "exporting"],
    ["report"],
    ["callbacks"],
    ["training"],
    ["runs"],
    ["hub"],
    ["sweeps"],
    ["cli"],
    ["__main__"],
]
"""The packages and modules of ``zoo``, lowest first. What stands in one line does not import each other; a new file in
a package needs no entry here. ``zoo`` itself imports the rest only when a name is first used."""

LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported_modules(tree: ast.AST, inside: str) -> Iterator[tuple[str, int]]:
    """Yield each module of ``zoo`` that a source text imports, with its line; imports for types are left out.

    ``import zoo`` counts as an import of every name that is then looked up in it.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imported_modules(other, inside)
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.split(".")[0] == "zoo")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{inside}:{node.lineno} imports relatively"
            if node.module == "zoo":
                yield from ((f"zoo.{alias.name}", node.lineno) for alias in node.names)
            elif node.module and node.module.startswith("zoo."):
                yield node.module, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "zoo":
            yield f"zoo.{node.attr}", node.lineno
        yield from imported_modules(node, inside)


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports_of(path: Path) -> list[tuple[str, int]]:
    return list(imported_modules(tree_of(path), str(path)))


def home(module: str) -> str:
    """Return the package or module of ``zoo`` that a dotted name lies in; ``zoo`` for a name of its own."""
    part = module.removeprefix("zoo").removeprefix(".").partition(".")[0]
    if part in zoo._HOMES:
        return home(zoo._HOMES[part])
    return part if part and ((PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()) else "zoo"


def name_of(path: Path) -> str:
    return ".".join(("zoo", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def test_every_module_has_a_layer():
    present = {home(name_of(path)) for path in FILES}
    assert present - LEVELS.keys() == set(), "state their layer in LAYERS"


def upward_imports(path: Path) -> list[str]:
    here = home(name_of(path))
    return [
        f"line {line}: {module}"
        for module, line in imports_of(path)
        if home(module) != here and LEVELS.get(home(module), len(LAYERS)) >= LEVELS.get(here, 0)
    ]


def test_a_module_imports_only_from_lower_layers():
    found = {name_of(path): upward_imports(path) for path in FILES}
    assert {name: imports for name, imports in found.items() if imports} == {}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_component_imports_no_sibling(kind):
    folder = PACKAGE / kind.package.rpartition(".")[2]
    names = {f"{kind.package}.{file.stem}" for file in folder.glob("[!_]*.py")}
    siblings = [
        f"{file.name}, line {line}: {module}"
        for file in folder.glob("*.py")
        for module, line in imports_of(file)
        if module in names
    ]
    assert siblings == []


PROGRAMS = sorted(
    path
    for folder in ("zoo", "benchmarks", "examples")
    for path in (PACKAGE.parent / folder).rglob("*.py")
    if "tests" not in path.parts
)
"""What a user may import or copy. A checkout has all three folders."""


def private_imports(path: Path, package: str) -> Iterator[str]:
    """Yield the imports of modules or names that begin with an underscore, of other packages of this project."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            owner, _, private = name.partition("._")
            ours = owner.split(".")[0] in ("zoo", "benchmarks")
            if ours and private and not private.startswith("_") and owner != package:
                yield f"line {node.lineno}: {name}"


def test_a_private_module_is_used_only_inside_its_package():
    places = [(path, ".".join(path.relative_to(PACKAGE.parent).parent.parts)) for path in PROGRAMS]
    found = {str(path): list(private_imports(path, package)) for path, package in places}
    assert {path: imports for path, imports in found.items() if imports} == {}


def test_a_private_import_from_another_package_is_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from zoo.cli import _rows\n    import zoo.figures._points\n    from torch import _C")
    assert list(private_imports(path, "zoo.cli")) == ["line 3: zoo.figures._points"]
    assert len(list(private_imports(path, "zoo.report"))) == 2


def test_imports_inside_functions_count_and_those_for_types_do_not():
    text = (
        "if TYPE_CHECKING:\n    from zoo.cli import cli\n"
        "def f():\n    import zoo.runs.job\n    from zoo import build, errors\n"
        "def g(model):\n    import zoo\n    return zoo.push(model, 'user/name')\n"
    )
    found = [module for module, _ in imported_modules(ast.parse(text), "a text")]
    assert found == ["zoo.runs.job", "zoo.build", "zoo.errors", "zoo", "zoo.push"]
    assert [home(module) for module in found] == ["runs", "hub", "errors", "zoo", "hub"]
