"""The model card: what it says, that the Hub understands it, and that a person's words stay."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import ModelCard

import zoo
import zoo.evaluation.evaluate
from tests import processes
from tests.hub.metadata import problems_of
from tests.hub.repository import Repository
from tests.hub.server import HubServer
from tests.models import spec_as_built
from zoo.errors import InputError, ZooWarning
from zoo.runs.card_file import Card, is_untouched
from zoo.runs.run import Run


@pytest.fixture
def repository(pushed: Callable[..., Repository]) -> Repository:
    return pushed(licence="cc-by-4.0")


def card_of(repository: Repository) -> str:
    return repository.head.files["README.md"].content.decode()


def test_the_metadata_say_what_the_hub_searches_for(repository: Repository, run: Run) -> None:
    card = ModelCard(card_of(repository))
    assert card.data.library_name == "latent-zoo"
    assert card.data.license == "cc-by-4.0"
    assert {"latent-zoo", "vae", "diagonal_gaussian"} <= set(card.data.tags)
    assert card.data.datasets == ["digits"]
    results = {result.metric_type: result for result in card.data.eval_results}
    assert card.data.model_name == "digits"
    assert results["elbo"].metric_value == run.evaluation["metrics"]["elbo"]
    assert results["elbo"].dataset_split == "test"
    assert results["elbo"].metric_args == {"num_samples": 10}


def test_the_validator_of_the_hub_accepts_the_card_and_the_client_asked_it(hub: HubServer, run: Run) -> None:
    zoo.push(run, "ada/digits", licence="cc-by-4.0")
    asked = hub.asked("POST /api/validate-yaml")
    assert len(asked) == 1
    assert asked[0].json["content"] == card_of(hub.repositories["ada/digits"])
    if int(huggingface_hub.__version__.partition(".")[0]) >= 2:  # before, it asked one address alone
        ModelCard(card_of(hub.repositories["ada/digits"])).validate()


@pytest.mark.parametrize("preset", zoo.list_models())
def test_the_card_of_every_preset_is_valid(preset: str) -> None:
    from zoo.runs.card import make_card

    metadata, problems = problems_of(str(make_card(preset, spec_as_built(preset))))
    assert problems == []
    assert metadata["library_name"] == "latent-zoo"


def test_the_number_of_examples_stands_in_the_table_alone() -> None:
    from zoo.runs.card import make_card

    model = zoo.load("vae-mlp-2d.digits")
    context = zoo.evaluation.evaluate.evaluation_context(model, zoo.load_data("digits"), "test")
    metrics = zoo.evaluation.evaluate.choose_metrics(
        context, [{"name": "log_likelihood", "num_samples": 5, "examples": 50}], "metrics"
    )
    made = zoo.evaluation.evaluate.record(context, metrics, "test", 0)
    card = make_card("mine", model.spec, evaluation={**made, "best_epoch": 1, "notes": []})
    names = {result.metric_type for result in ModelCard(str(card)).data.eval_results}
    # Grey digits under a Bernoulli likelihood have no code length, so no bits per dimension.
    assert names == {"log_likelihood"}
    assert "| log-likelihood [nats], 50 examples | " in card.text


def test_the_card_says_all_that_a_reader_needs(repository: Repository) -> None:
    text = card_of(repository)
    for heading in ("Use", "Training data", "Evaluation", "Limits", "Recipe", "Licence", "Citation"):
        assert f"\n## {heading}\n" in text
    assert "![samples](figures/samples.png)" in text.partition("## Use")[0]
    assert "The weights: cc-by-4.0." in text
    assert "Licence of the data: CC-BY-4.0." in text
    assert "- `elbo`: `num_samples: 10`" in text
    assert "Kingma & Welling (2014), Auto-Encoding Variational Bayes" in text
    assert "PATH OF THIS DIRECTORY" not in text


@pytest.mark.slow
def test_the_lines_of_use_run_as_they_stand(repository: Repository, environment: dict[str, str]) -> None:
    lines = re.search(r"## Use\n\n```python\n(.*?)\n```", card_of(repository), re.DOTALL)[1]
    assert lines.count("\n") == 4
    assert 'zoo.load("hf://ada/digits")' in lines
    program = (
        f"{lines}\nassert samples.shape == (16, 1, 8, 8) and samples.dtype == 'uint8'\nassert codes.shape == (16, 2)"
    )
    processes.run("-c", program, env=environment, check=True)


def test_the_lines_of_use_of_a_conditional_model_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.runs.card import PATH_PLACEHOLDER, make_card

    model = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8))
    folder = zoo.save(model, tmp_path / "model")
    lines = re.search(r"```python\n(.*?)\n```", make_card("x", model.spec).text, re.DOTALL)[1]
    names: dict[str, Any] = {}
    exec(lines.replace(PATH_PLACEHOLDER, str(folder)), names)
    assert names["samples"].shape == (16, 1, 8, 8)


def test_a_card_that_a_person_edited_stays(repository: Repository, run: Run) -> None:
    edited = card_of(repository).replace("## Limits", "## Limits, as I see them")
    repository.edit({"README.md": edited.encode()}, "my words")
    other = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8))
    with pytest.warns(ZooWarning, match=r"README.md was edited on the Hub and is left unchanged"):
        pushed = zoo.push(other, "ada/digits")
    assert card_of(repository) == edited
    assert "README.md" not in pushed.changed
    assert "figures/samples.png" in repository.head.files, "its pictures stay, too"
    assert zoo.load("hf://ada/digits").spec == other.spec


def test_a_card_as_it_was_pushed_is_written_anew(repository: Repository, run: Run) -> None:
    zoo.push(run, "ada/digits", licence="mit")
    assert ModelCard(card_of(repository)).data.license == "mit"
    repository.edit({"README.md": card_of(repository).replace("\n", "\r\n").encode()}, "other ends of lines")
    zoo.push(run, "ada/digits", licence="apache-2.0")
    assert ModelCard(card_of(repository)).data.license == "apache-2.0"


def test_the_card_of_the_run_may_be_edited_before_the_push(hub: HubServer, run: Run, tmp_path: Any) -> None:
    folder = shutil.copytree(run.path, tmp_path / "run")
    (folder / "README.md").write_text('# Mine\n\n![loss](figures/loss.png)\n\nzoo.load("PATH OF THIS DIRECTORY")\n')
    pushed = zoo.push(folder, "ada/digits")
    text = card_of(hub.repositories["ada/digits"])
    assert "# Mine" in text
    assert 'zoo.load("hf://ada/digits")' in text
    assert ModelCard(text).data.library_name == "latent-zoo"
    assert [name for name in pushed.files if name.startswith("figures/")] == ["figures/loss.png"], "those that it shows"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"# A card\n" * 200_000])
def test_a_card_that_is_no_text_or_too_long_is_named(content: bytes, hub: HubServer, run: Run, tmp_path: Any) -> None:
    folder = shutil.copytree(run.path, tmp_path / "run")
    (folder / "README.md").write_bytes(content)
    with pytest.raises(InputError, match=r"README\.md: "):
        zoo.push(folder, "ada/digits")


def test_metadata_that_the_hub_refuses_are_told(hub: HubServer, run: Run) -> None:
    with pytest.raises(InputError, match=r"README.md: Invalid metadata in README.md"):
        zoo.push(run, "ada/digits", licence="my-own")
    assert hub.repositories["ada/digits"].log() == ["initial commit"]


def test_the_card_of_a_run_is_the_same_wherever_it_lies(run: Run) -> None:
    text = (run.path / "README.md").read_text()
    assert str(run.path) not in text
    assert is_untouched(text)
    assert str(Card.parse(text)) == text
