"""The codebook: k-means in steps, its start, its restarts, and what it keeps."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from torch import Tensor

from zoo.quantisation import codebook as module
from zoo.quantisation.codebook import EmaCodebook


def clusters(count: int = 400, centres: int = 8, dim: int = 3, spread: float = 0.1) -> Tensor:
    """Vectors around a few centres, the same each time."""
    generator = torch.Generator().manual_seed(5)
    middle = 4 * torch.randn(centres, dim, generator=generator)
    return middle[torch.arange(count) % centres] + spread * torch.randn(count, dim, generator=generator)


def lloyd_step(vectors: Tensor, codebook: Tensor) -> Tensor:
    """One step of k-means, written anew: the mean of the vectors nearest to each code; unused codes stay."""
    nearest = torch.cdist(vectors, codebook).argmin(1)
    return torch.stack(
        [vectors[nearest == k].mean(0) if (nearest == k).any() else codebook[k] for k in range(len(codebook))]
    )


def distortion(codebook: EmaCodebook, vectors: Tensor) -> float:
    return (codebook.look_up(codebook.nearest(vectors)) - vectors).square().sum(1).mean().item()


def started(codes: int = 8, **options: float) -> EmaCodebook:
    codebook = EmaCodebook(codes, 3, **options)
    codebook.begin_at(torch.randn(codes, 3, generator=torch.Generator().manual_seed(1)))
    return codebook


def test_without_memory_a_step_is_one_of_lloyds_algorithm() -> None:
    codebook, vectors = started(decay=0.0, restart_below=0.0), clusters()
    expected = lloyd_step(vectors, codebook.vectors)
    codebook(vectors)
    torch.testing.assert_close(codebook.vectors, expected)


def test_the_distortion_never_rises_without_memory() -> None:
    codebook, vectors = started(decay=0.0, restart_below=0.0), clusters(spread=1.0)
    found = [distortion(codebook, vectors)]
    for _ in range(15):
        codebook(vectors)
        found.append(distortion(codebook, vectors))
    assert all(after <= before + 1e-5 for before, after in itertools.pairwise(found))
    assert found[-1] < 0.7 * found[0]


def test_counts_and_sums_are_moving_averages() -> None:
    codebook, vectors = started(decay=0.9, restart_below=0.0), clusters()
    nearest = codebook.nearest(vectors)
    counts = torch.bincount(nearest, minlength=8).float()
    sums = torch.zeros(8, 3).index_add(0, nearest, vectors)
    expected_counts, expected_sums = 0.9 * codebook.counts + 0.1 * counts, 0.9 * codebook.sums + 0.1 * sums
    codebook(vectors)
    torch.testing.assert_close(codebook.counts, expected_counts)
    torch.testing.assert_close(codebook.sums, expected_sums)
    torch.testing.assert_close(codebook.vectors, expected_sums / expected_counts[:, None])


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_codes_begin_with_a_use_of_twice_that_of_a_restart(decay: float) -> None:
    """Known answer: 2 · restart_below · N / K each, of which the first step keeps its share beside N itself."""
    torch.manual_seed(0)
    codebook = EmaCodebook(8, 3, decay=decay, restart_below=0.2)
    codebook(clusters())
    assert codebook.counts.sum().item() == pytest.approx(400 * (decay * 2 * 0.2 + 1 - decay))


def test_a_restarted_code_has_twice_the_use_below_which_it_restarts() -> None:
    torch.manual_seed(0)
    codebook, vectors = EmaCodebook(8, 3, decay=0.9, restart_below=0.2), clusters()
    codebook.begin_at(torch.cat([vectors[:7], torch.full((1, 3), 1000.0)]), counts=5.0)
    used = torch.bincount(codebook.nearest(vectors), minlength=8)
    before = 0.9 * 5.0 + 0.1 * used
    assert used[7] == 0
    codebook.counts[7] = 0.0
    before[7] = 0.0
    codebook(vectors)
    floor = 0.2 * before.mean()
    torch.testing.assert_close(codebook.counts, torch.where(before < floor, 2 * floor, before))
    torch.testing.assert_close(codebook.sums, codebook.counts[:, None] * codebook.vectors)


@pytest.mark.parametrize("seed", range(6))
def test_first_vectors_are_drawn_by_their_distance_from_all_before(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without chance the next one is the farthest from its nearest, on a line of several dimensions as well."""
    monkeypatch.setattr(module, "_keys", lambda weights: weights)
    torch.manual_seed(seed)
    line = torch.tensor([0.0, 10.0, 4.0, 7.0, 1.0])
    found = module._apart(line[:, None].expand(5, 4), 4)[:, 0].tolist()
    for count in range(1, 4):
        nearest = [min((x - y) ** 2 for y in found[:count]) for x in line.tolist()]
        assert found[count] == line[nearest.index(max(nearest))]


def test_the_mean_vector_is_weighted_by_use_and_plain_before_training() -> None:
    codebook = EmaCodebook(3, 2)
    torch.testing.assert_close(codebook.mean_vector(), codebook.vectors.mean(0))
    codebook.counts.copy_(torch.tensor([0.3, 0.1, 0.0]))
    torch.testing.assert_close(codebook.mean_vector(), 0.75 * codebook.vectors[0] + 0.25 * codebook.vectors[1])


def test_a_code_that_is_never_used_stays_where_it_is() -> None:
    codebook = started(decay=0.5, restart_below=0.0)
    codebook.begin_at(torch.cat([codebook.vectors[:7], torch.full((1, 3), 100.0)]))
    for _ in range(200):  # until its count is 0 in float32
        codebook(clusters(16))
    assert codebook.counts[7] == 0
    torch.testing.assert_close(codebook.vectors[7], torch.full((3,), 100.0))


def test_a_codebook_of_all_the_data_quantises_them_without_error() -> None:
    vectors = clusters(50)
    codebook = EmaCodebook(50, 3)
    codebook.begin_at(vectors)
    indices, chosen = codebook.eval()(vectors)
    assert torch.equal(indices, torch.arange(50))
    assert torch.equal(chosen, vectors)


@pytest.mark.parametrize("initialisation", ["batch", "kmeans"])
def test_the_first_batch_starts_the_codebook_and_no_other(initialisation: str) -> None:
    torch.manual_seed(0)
    vectors = 50 + clusters()
    codebook = EmaCodebook(8, 3, initialisation=initialisation)
    codebook(vectors)
    assert codebook.vectors.min() > 30
    codebook(-vectors)
    # Some moved towards the second batch; none was started from it.
    assert codebook.vectors.min() > 0


def test_the_codebook_starts_at_vectors_of_the_batch_each_another_one() -> None:
    vectors = clusters(8, centres=8)
    codebook = EmaCodebook(8, 3)
    codebook(vectors)
    torch.testing.assert_close(codebook.vectors.sort(0).values, vectors.sort(0).values)


def test_kmeans_starts_with_less_distortion_than_a_batch() -> None:
    vectors, found = clusters(spread=1.0), {}
    for initialisation in ("batch", "kmeans"):
        torch.manual_seed(2)
        codebook = EmaCodebook(8, 3, decay=0.999, initialisation=initialisation)
        codebook(vectors)
        found[initialisation] = distortion(codebook, vectors)
    assert found["kmeans"] < 0.9 * found["batch"]


def test_dead_codes_restart_at_vectors_of_the_batch() -> None:
    torch.manual_seed(0)
    vectors = clusters()
    far = torch.full((8, 3), 1000.0)
    kept, restarted = started(restart_below=0.0), started(restart_below=0.2)
    for codebook in (kept, restarted):
        codebook.begin_at(torch.cat([vectors[:1], far[1:]]))
        for _ in range(300):
            codebook(vectors)
    assert len(kept.eval().nearest(vectors).unique()) == 1
    assert len(restarted.eval().nearest(vectors).unique()) > 6
    assert restarted.vectors.max() < 100


def test_nothing_changes_in_evaluation_mode_or_without_gradients() -> None:
    codebook, vectors = started(), clusters()
    before = copy.deepcopy(codebook.state_dict())
    codebook.eval()(vectors)
    codebook.train()
    with torch.no_grad():
        codebook(vectors)
    for name, tensor in codebook.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    codebook(vectors)
    assert not torch.equal(codebook.vectors, before["vectors"])


@pytest.mark.parametrize("initialisation", ["batch", "kmeans"])
@pytest.mark.parametrize("steps_before", [0, 3])
def test_a_codebook_goes_on_from_its_saved_state(initialisation: str, steps_before: int) -> None:
    def steps(codebook: EmaCodebook, start: int, end: int) -> None:
        for step in range(start, end):
            torch.manual_seed(step)
            codebook(clusters() + step)

    whole = EmaCodebook(8, 3, initialisation=initialisation)
    state = copy.deepcopy(whole.state_dict())
    steps(whole, 0, steps_before)
    if steps_before:
        state = copy.deepcopy(whole.state_dict())
    resumed = EmaCodebook(8, 3, initialisation=initialisation)
    steps(resumed, 10, 12)  # it had been used otherwise before
    resumed.load_state_dict(state)
    steps(whole, steps_before, 6)
    steps(resumed, steps_before, 6)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_many_vectors_are_compared_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    codebook, vectors = started(), clusters()
    whole = codebook.nearest(vectors)
    monkeypatch.setattr("zoo.quantisation.codebook._SCORES_AT_A_TIME", 8 * 7)
    assert torch.equal(codebook.nearest(vectors), whole)
    assert torch.equal(whole, torch.cdist(vectors, codebook.vectors).argmin(1))
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)  # all at once, as one graph
    assert torch.equal(codebook.nearest(vectors), whole)


def test_a_training_step_is_one_graph() -> None:  # takes seconds, most of them to import the compiler
    codebook = started()
    torch._dynamo.reset()
    explanation = torch._dynamo.explain(lambda v: codebook(v)[1])(clusters().requires_grad_())
    assert explanation.graph_break_count == 0


def with_background(count: int = 2000) -> Tensor:
    """Vectors like those of small images: half of them are those of an empty background, the others differ."""
    generator = torch.Generator().manual_seed(3)
    vectors = 0.5 * torch.randn(count, 6, generator=generator)
    vectors[: count // 2] = torch.ones(6)
    return vectors[torch.randperm(count, generator=generator)]


@pytest.mark.parametrize("initialisation", ["batch", "kmeans"])
@pytest.mark.parametrize("restart_below", [0.0, 0.1])
def test_no_two_codes_begin_at_one_vector_that_is_frequent(initialisation: str, restart_below: float) -> None:
    """Of uniform draws, half would be the background, and rounding would share it among them for ever."""
    torch.manual_seed(0)
    codebook = EmaCodebook(64, 6, initialisation=initialisation, restart_below=restart_below)
    for _ in range(20):
        codebook(with_background())
    used = codebook.eval().nearest(with_background()).unique()
    assert len(used) == 64
    assert torch.pdist(codebook.vectors).min() > 0.01


def test_codes_restart_where_the_vectors_are_badly_quantised() -> None:
    torch.manual_seed(0)
    codebook, vectors = EmaCodebook(64, 6, restart_below=0.1), with_background()
    # One code for the background, and all others far away.
    codebook.begin_at(torch.cat([torch.ones(1, 6), torch.full((63, 6), 50.0)]), counts=1e-3)
    codebook(vectors)
    restarted = codebook.vectors[codebook.vectors.amax(1) < 20]
    assert len(restarted) > 55
    assert ((restarted - 1).abs().amax(1) < 1e-3).sum() <= 1


def test_a_code_that_restarts_takes_the_vector_that_is_most_badly_quantised() -> None:
    # One vector has nearly all of the squared distance; the last code restarts, and there are as many vectors as codes.
    codebook = EmaCodebook(8, 2, restart_below=0.1)
    vectors = torch.cat([torch.arange(7.0)[:, None].expand(7, 2), torch.tensor([[1000.0, 6.0]])])
    codebook.begin_at(torch.cat([vectors[:7] + 0.01, torch.full((1, 2), -1e6)]), counts=1.0)
    codebook.counts[7] = 0.0
    codebook(vectors)
    torch.testing.assert_close(codebook.vectors[7], vectors[7])


def test_numbers_that_are_not_finite_are_left_to_the_check_of_the_loss() -> None:
    codebook = EmaCodebook(8, 3)
    for _ in range(2):
        indices, _ = codebook(torch.full((20, 3), torch.nan))
        assert indices.shape == (20,)
