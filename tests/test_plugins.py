"""Components of other packages are found by name, and a broken one harms nobody else."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
import torch

import zoo
from tests import processes
from tests.plugin_files import METRIC, PRIOR, forget_installed, install
from zoo.errors import ComponentError, ZooWarning
from zoo.registry import find_component, find_source, list_components, sources, usable_components
from zoo.registry.inspection import describe_component
from zoo.registry.registration import registered


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Install distributions that this process sees, and forget them afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def add(distribution, entry_points, modules):
        install(tmp_path, distribution, entry_points, modules)
        forget_installed()

    yield add
    forget_installed()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_component_of_another_package_is_used_by_name(plug_in):
    plug_in("zoo-wide", {"zoo.prior": {"wide": "zoo_wide:Own"}}, {"zoo_wide.py": PRIOR.format(name="wide")})
    assert "wide" in list_components("prior")
    assert "zoo_wide" not in sys.modules, "listing imports nothing"
    assert str(find_source("prior", "wide")) == "zoo_wide (zoo-wide 1.5)"
    described = describe_component(find_source("prior", "wide"))
    assert described.summary == "A component of another package."
    assert [option.name for option in described.options] == ["size"]
    assert "zoo_wide" not in sys.modules, "describing imports nothing"
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior={"name": "wide", "size": 3.0})
    assert model.prior.stddev.tolist() == [3.0, 3.0]


def test_a_checkpoint_names_the_package_that_it_needs(plug_in, tmp_path, monkeypatch):
    plug_in("zoo-wide", {"zoo.prior": {"wide": "zoo_wide:Own"}}, {"zoo_wide.py": PRIOR.format(name="wide")})
    folder = zoo.save(zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior="wide"), tmp_path / "model")
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(zoo.load(folder).reconstruct(x), zoo.load(folder).reconstruct(x))
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    forget_installed()
    for key in [key for key in registered if key[2] == "zoo_wide"]:
        del registered[key]
    with pytest.raises(zoo.ZooError, match=r"'wide' is not installed\n.*'zoo-wide' 1\.5"):
        zoo.load(folder)


SYNTAX_ERROR = "def broken(:\n"
BROKEN = {
    "its import fails": (
        "zoo_bad:Own",
        {"zoo_bad.py": "import a_module_that_is_nowhere\n"},
        "a_module_that_is_nowhere",
    ),
    "it raises": ("zoo_bad:Own", {"zoo_bad.py": "raise RuntimeError('no licence')\n"}, "RuntimeError: no licence"),
    "it is no Python": ("zoo_bad:Own", {"zoo_bad.py": SYNTAX_ERROR}, "SyntaxError"),
    "it is not there": ("zoo_bad.nowhere:Own", {}, "zoo_bad"),
    "it is misspelled": ("zoo_bad Own", {}, "zoo_bad Own"),
    "it fails half-way": (
        "zoo_bad:Own",
        {"zoo_bad.py": PRIOR.format(name="bad") + "\nraise RuntimeError('half-way')\n"},
        "half-way",
    ),
    "it registers nothing": (
        "zoo_bad:Own",
        {"zoo_bad.py": "class Own: ...\n"},
        "entry point .* does not register",
    ),
    "it exits": ("zoo_bad:Own", {"zoo_bad.py": "import sys\nsys.exit(0)\n"}, "it exits with status 0"),
    "it exits with a text": ("zoo_bad:Own", {"zoo_bad.py": "raise SystemExit('no')\n"}, "it exits with status 'no'"),
    "it raises what is no Exception": (
        "zoo_bad:Own",
        {"zoo_bad.py": "class Stop(BaseException): ...\nraise Stop('now')\n"},
        "Stop: now",
    ),
    "it asks a question": ("zoo_bad:Own", {"zoo_bad.py": "input('Licence? ')\n"}, "EOFError"),
    "it nests without end": ("zoo_bad:Own", {"zoo_bad.py": "x = " + "[" * 10_000}, "cannot be imported: "),
    "it is no text": ("zoo_bad:Own", {"zoo_bad.py": "\0"}, "cannot be imported: "),
    "it breaks the contract": (
        "zoo_bad:Own",
        {"zoo_bad.py": PRIOR.format(name="bad").replace("*, size: float", "size: float")},
        "expected keyword-only parameters of the constructor, got 'size'",
    ),
    "its options have no type": (
        "zoo_bad:Own",
        {"zoo_bad.py": PRIOR.format(name="bad").replace("size: float", "size")},
        "got 'size' without one",
    ),
}


@pytest.fixture(params=BROKEN.values(), ids=list(BROKEN))
def broken(request, plug_in):
    """A package whose prior cannot be had; return the reason to be told."""
    value, modules, reason = request.param
    plug_in("zoo-broken", {"zoo.prior": {"bad": value}}, modules)
    return reason


def test_a_broken_plug_in_is_named_each_time_it_is_asked_for(broken):
    for _ in range(2):
        with pytest.raises(ComponentError, match=broken) as caught:
            zoo.build("vae-mlp-2d", prior="bad")
        assert "prior 'bad'" in str(caught.value)
        assert "zoo_bad" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(60)\n",
        "while True:\n    pass\n",
        "import threading\nthreading.Event().wait()\n",
        "try:\n    while True: pass\nexcept BaseException: pass\nwhile True: pass\n",
    ],
)
def test_a_plug_in_that_hangs_is_named(text, plug_in, monkeypatch):
    monkeypatch.setenv("ZOO_IMPORT_SECONDS", "0.1")
    plug_in("zoo-slow", {"zoo.prior": {"slow": "zoo_slow:Own"}}, {"zoo_slow.py": text})
    with pytest.raises(ComponentError, match=r"zoo_slow \(zoo-slow 1\.5\) cannot be imported: it takes more than 0\.1"):
        find_component("prior", "slow")


LOUD = [
    "print('Hello \\x1b[2J')",
    "import sys\nsys.stderr.write('Hello \\x1b[2J')",
    "import os\nos.write(1, b'Hello \\x1b[2J')",
    "import os\nos.system('echo Hello >&2')",
]


@pytest.mark.parametrize("text", LOUD)
def test_a_plug_in_that_prints_is_named_and_its_text_is_not_in_the_output(text, plug_in, capfd):
    plug_in(
        "zoo-loud",
        {"zoo.prior": {"loud": "zoo_loud:Own"}},
        {"zoo_loud.py": f"{text}\n" + PRIOR.format(name="loud")},
    )
    with pytest.warns(ZooWarning, match="zoo_loud prints when it is imported: 'Hello") as caught:
        assert find_component("prior", "loud").__name__ == "Own"
    assert "\x1b" not in str(caught[0].message)
    assert capfd.readouterr() == ("", "")


def test_a_warning_of_a_plug_in_is_given_and_a_stream_that_it_keeps_is_the_real_one(plug_in, capsys):
    text = "import sys, warnings\nkept = sys.stderr\nwarnings.warn('old', FutureWarning)\n" + PRIOR.format(name="warns")
    plug_in("zoo-warns", {"zoo.prior": {"warns": "zoo_warns:Own"}}, {"zoo_warns.py": text})
    with pytest.warns(FutureWarning, match="old"):
        find_component("prior", "warns")
    sys.modules["zoo_warns"].kept.write("later")
    assert capsys.readouterr().err == "later"


@pytest.mark.parametrize("place", ["__init__", "forward"])
def test_a_component_that_exits_is_an_error(place, plug_in, tmp_path, capsys, monkeypatch):
    text = PRIOR.format(name="leaves")
    line = "super().__init__()" if place == "__init__" else "def forward(self):"
    plug_in(
        "zoo-leaves",
        {"zoo.prior": {"leaves": "zoo_leaves:Own"}},
        {"zoo_leaves.py": text.replace(line, f"{line}\n        raise SystemExit(0)")},
    )
    small = ["train.epochs=1", "data.subset=50", "model.prior=leaves"]
    words = ["train", "digits", "--out", str(tmp_path / "run"), "--quiet"]
    monkeypatch.setattr(sys, "argv", ["zoo-cli", *words, *(word for each in small for word in ("--set", each))])
    from zoo.cli import main

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == (2 if place == "__init__" else 1)
    assert capsys.readouterr().err.count("Error: ") == 1


def test_a_command_ends_though_a_plug_in_has_started_a_thread(tmp_path):
    text = "import threading\nthreading.Thread(target=threading.Event().wait, name='endless').start()\n"
    (tmp_path / "endless.py").write_text(text)
    done = processes.run("-m", "zoo", "list", "prior", "--import", "endless.py", cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    assert "starts the thread 'endless'" in done.stderr


def test_a_distribution_whose_metadata_are_damaged_is_left_out_with_a_warning(plug_in, tmp_path):
    plug_in("zoo-good", {"zoo.prior": {"good": "zoo_good:Own"}}, {"zoo_good.py": PRIOR.format(name="good")})
    plug_in("zoo-torn", {"zoo.prior": {}}, {})
    (damaged,) = [path for folder in map(Path, sys.path) if folder.is_dir() for path in folder.glob("zoo_torn*/entry*")]
    damaged.write_text("[zoo.prior]\nno value\n")
    forget_installed()
    with pytest.warns(ZooWarning, match="zoo_torn.* whose metadata are damaged"):
        assert {"good", "standard_gaussian"} <= set(list_components("prior"))


def test_a_broken_plug_in_harms_nobody_else(broken, capsys, monkeypatch):
    assert {"bad", "gaussian", "standard_gaussian"} <= set(list_components("prior"))
    zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), prior="gaussian")
    monkeypatch.setattr(sys, "argv", ["zoo-cli", "list", "prior"])
    from zoo.cli import main

    with pytest.raises(SystemExit) as stop:
        main()
    output = capsys.readouterr().out
    assert not stop.value.code
    assert "standard_gaussian" in output
    assert "\nbad " in f"\n{output}"


@pytest.mark.parametrize(
    "broken",
    [BROKEN[each] for each in ("its import fails", "it exits", "its options have no type")],
    indirect=True,
)
def test_a_schema_leaves_out_a_broken_plug_in_with_a_warning(broken):
    from zoo.runs.recipe_schema import model_schema

    with pytest.warns(ZooWarning, match=broken):
        definitions = model_schema()["$defs"]
    assert "prior.gaussian" in definitions
    assert "prior.bad" not in definitions


def test_an_option_that_has_no_schema_is_left_out_with_a_warning(plug_in):
    text = PRIOR.format(name="odd").replace("size: float", "size: torch.Tensor")
    plug_in("zoo-odd", {"zoo.prior": {"odd": "zoo_odd:Own"}}, {"zoo_odd.py": text})
    from zoo.runs.recipe_schema import model_schema

    with pytest.warns(ZooWarning, match=r"zoo_odd\.Own: an option's type cannot be checked"):
        assert "prior.odd" not in model_schema()["$defs"]


def test_measuring_everything_leaves_out_a_broken_metric_with_a_warning(plug_in):
    plug_in(
        "zoo-metrics",
        {"zoo.metric": {"good": "zoo_good:Own", "bad": "zoo_bad:Own"}},
        {"zoo_good.py": METRIC.format(name="good"), "zoo_bad.py": "raise RuntimeError('no licence')"},
    )
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()
    with pytest.warns(ZooWarning, match="no licence"):
        figures = zoo.evaluate(model, torch.rand(4, 1, 8, 8))
    assert figures["size"] == 1.0
    with pytest.raises(ComponentError, match=r"metrics\[1\]: the metric 'bad' of zoo_bad \(zoo-metrics 1\.5\)"):
        zoo.evaluate(model, torch.rand(4, 1, 8, 8), metrics=["good", "bad"])


@pytest.mark.parametrize("other", ["zoo-second", "latent-zoo"])
def test_two_owners_of_one_name_are_both_named_and_harm_nobody_else(other, plug_in):
    name = "wide" if other == "zoo-second" else "gaussian"
    text = PRIOR.format(name=name) + PRIOR.format(name="fine").replace("class Own", "class Fine")
    plug_in("zoo-first", {"zoo.prior": {name: "zoo_first:Own", "fine": "zoo_first:Fine"}}, {"zoo_first.py": text})
    if other == "zoo-second":
        plug_in("zoo-second", {"zoo.prior": {name: "zoo_second:Own"}}, {"zoo_second.py": PRIOR.format(name=name)})
    assert find_component("prior", "fine").__module__ == "zoo_first", "it stands beside one of the two"
    assert find_component("prior", "standard_gaussian")
    for _ in range(2):
        with pytest.raises(ComponentError, match="got two: ") as caught:
            zoo.build("vae-mlp-2d", prior=name)
        assert all(owner in str(caught.value) for owner in (f"'{name}'", "zoo-first 1.5", other))
    assert len(sources("prior")[name]) == 2
    with pytest.warns(ZooWarning, match="got two: "):
        usable = usable_components("prior")
    assert name not in usable
    assert {"fine", "standard_gaussian"} <= usable.keys()


def test_one_package_seen_twice_on_the_path_is_one_owner(plug_in, tmp_path, monkeypatch):
    text = PRIOR.format(name="wide")
    plug_in("zoo-wide", {"zoo.prior": {"wide": "zoo_wide:Own"}}, {"zoo_wide.py": text})
    install(tmp_path / "again", "zoo-wide", {"zoo.prior": {"wide": "zoo_wide:Own"}}, {"zoo_wide.py": text})
    monkeypatch.syspath_prepend(tmp_path / "again")
    forget_installed()
    assert find_component("prior", "wide")


def test_no_plug_in_is_reported_when_none_is_broken():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert usable_components("prior").keys() == set(list_components("prior"))


def test_the_command_line_warns_in_one_line_of_its_own(tmp_path):
    install(tmp_path, "zoo-broken", {"zoo.metric": {"bad": "zoo_bad:Own"}}, {"zoo_bad.py": "1 / 0\n"})
    program = (
        f"import sys, zoo.cli; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['zoo-cli', 'schema']; zoo.cli.main()"
    )
    result = processes.run("-c", program, check=True)
    assert result.stdout.startswith("{")
    assert result.stderr.startswith(
        "Warning: left out: the metric 'bad' of zoo_bad (zoo-broken 1.5) cannot be imported"
    )
