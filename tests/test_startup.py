"""What is not used is not imported, and starting costs little."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from zoo.registry import KINDS, list_components

HEAVY = ["torch", "numpy", "pydantic", "yaml", "matplotlib", "accelerate", "torchvision", "rich", "huggingface_hub"]


def loaded_after(code: str) -> set[str]:
    """Run code in an interpreter of its own and return the modules that it holds then."""
    program = f"import sys, json\n{code}\nsys.stdout.write('\\n' + json.dumps(list(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1]))


def loaded_after_each(codes: Sequence[str]) -> dict[str, set[str]]:
    """Run codes one after the other in an interpreter of their own; return the modules that it holds after each."""
    program = "import sys, json\nfound = []\n"
    program += "".join(f"{code}\nfound.append(list(sys.modules))\n" for code in codes)
    program += "sys.stdout.write('\\n' + json.dumps(found))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = json.loads(result.stdout.splitlines()[-1])
    return {code: set(modules) for code, modules in zip(codes, found, strict=True)}


def run_cli(*arguments: str) -> str:
    return (
        f"sys.argv = {['zoo-cli', *arguments]!r}\nimport zoo.cli\n"
        "try:\n    zoo.cli.main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code"
    )


LIGHT = [
    "import zoo",
    "import zoo; zoo.list_components(); zoo.list_models(); zoo.list_recipes(); zoo.list_pretrained()",
    run_cli("--help"),
    run_cli("train", "--help"),
    run_cli("push", "--help"),
    run_cli("pull", "--help"),
    run_cli("list"),
    run_cli("list", "--json"),
    run_cli("list", "posterior"),
    run_cli("show", "vae"),
    run_cli("show", "digits"),
    run_cli("show", "vae-mlp-2d"),
]
DESCRIBING = [run_cli("list", shelf) for shelf in ("model", "recipe", "pretrained")]
"""What reads files, for which it needs a parser and a validator."""


@pytest.fixture(scope="module")
def loaded():
    """The modules after each code; what one has loaded is there after those that follow it, too."""
    return loaded_after_each([*LIGHT, *DESCRIBING])


@pytest.mark.parametrize("code", LIGHT)
def test_looking_around_loads_nothing_heavy(code, loaded):
    assert loaded[code] & set(HEAVY) == set()


@pytest.mark.parametrize("code", DESCRIBING)
def test_describing_files_loads_no_torch(code, loaded):
    assert "torch" not in loaded[code]


def test_importing_the_package_times_no_torch():
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import zoo"], capture_output=True, text=True, check=True
    )
    timed = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "zoo" in timed
    assert {name for name in timed if name.split(".")[0] in HEAVY} == set()


# A metric reads data, and so imports some datasets: it has an interpreter of its own.
@pytest.mark.slow
@pytest.mark.parametrize("components", [[("posterior", "point"), ("dataset", "digits")], [("metric", "mse")]])
def test_a_component_is_found_without_its_siblings(components):
    finds = "; ".join(f"find_component({kind!r}, {name!r})" for kind, name in components)
    read = "; find_component('dataset', 'digits')().load(print)" if ("dataset", "digits") in components else ""
    loaded = loaded_after(f"from zoo.registry import find_component; {finds}{read}")
    assert "torchvision" not in loaded, "it takes seconds, and nothing here needs it"
    for kind, name in components:
        package = KINDS[kind].package
        siblings = {f"{package}.{other}" for other in list_components(kind) if other != name}
        assert f"{package}.{name}" in loaded
        assert loaded & siblings == set()
