"""One likelihood for each column of a table."""

import pytest
import torch

import zoo
from zoo.errors import ComponentError, DataError
from zoo.likelihoods.bernoulli import Bernoulli
from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.columns import ColumnGroup, Columns
from zoo.likelihoods.gaussian import Gaussian
from zoo.likelihoods.negative_binomial import NegativeBinomial
from zoo.spec.column_description import ColumnDescription
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct

GROUPS = [
    {"likelihood": {"name": "gaussian", "scale_mode": "per_pixel"}, "width": 2},
    {"likelihood": "bernoulli"},
    {"likelihood": {"name": "categorical", "levels": 3, "values": "one_hot"}, "width": 3},
    {"likelihood": {"name": "negative_binomial", "concentration": 2.0}},
]


def build(groups=GROUPS, shape=(7,)) -> Columns:
    return construct(
        Columns, check_options(Columns, {"columns": groups}, "likelihood"), {"data_shape": shape}, "likelihood"
    )


def rows(n: int) -> torch.Tensor:
    torch.manual_seed(0)
    likelihood = build()
    return likelihood(torch.randn(n, *likelihood.parameter_shape)).sample()


def test_the_log_density_is_the_sum_over_the_groups():
    likelihood, x = build(), rows(5)
    raw = torch.randn(5, *likelihood.parameter_shape)
    assert likelihood.parameter_shape == (4 + 1 + 3 + 1,)
    expected = (
        Gaussian(data_shape=(2,), scale_mode="per_pixel")(raw[:, :4]).log_prob(x[:, :2])
        + Bernoulli(data_shape=(1,))(raw[:, 4:5]).log_prob(x[:, 2:3])
        + Categorical(data_shape=(3,), levels=3, values="one_hot")(raw[:, 5:8]).log_prob(x[:, 3:6])
        + NegativeBinomial(data_shape=(1,), concentration=2.0)(raw[:, 8:]).log_prob(x[:, 6:])
    )
    p = likelihood(raw)
    torch.testing.assert_close(p.log_prob(x), expected)
    assert p.mean.shape == p.variance.shape == (5, 7)


def test_a_mask_reaches_every_group():
    likelihood, x = build(), rows(5)
    p = likelihood(torch.randn(5, *likelihood.parameter_shape))
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[:, [1, 3, 4, 5, 6]] = False
    hidden = torch.where(mask, x, torch.nan)
    parts = likelihood.log_prob(p, hidden, mask) + likelihood.log_prob(p, torch.where(mask, torch.nan, x), ~mask)
    torch.testing.assert_close(parts, p.log_prob(x))


def test_a_value_outside_the_support_of_its_column_is_named_with_the_column():
    likelihood, x = build(), rows(5)
    likelihood.check_values(x)
    for column, value, message in [
        (1, torch.inf, r"data\[0:2\]: the likelihood Gaussian expects any finite number, got inf"),
        (2, 3.0, r"data\[2\]: the likelihood Bernoulli expects numbers in \[0, 1\], got 3"),
        (4, 1.0, r"data\[3:6\]: the likelihood Categorical expects a single 1"),
        (6, 1.5, r"data\[6\]: the likelihood NegativeBinomial expects whole numbers from 0, got 1.5"),
    ]:
        wrong = x.clone()
        wrong[:, column] = value
        with pytest.raises(DataError, match=message):
            likelihood.check_values(wrong, where="data")


def test_only_discrete_columns_give_a_code_length():
    assert not build().is_code_length(rows(5))
    discrete = build(GROUPS[1:], (5,))
    x = rows(5)[:, 2:]
    assert discrete.is_code_length(x)
    grey = x.clone()
    grey[0, 0] = 0.5
    assert not discrete.is_code_length(grey)
    assert discrete.caution(grey).startswith("pixels between black and white")
    assert discrete.caution(x) is None


def test_no_groups_make_every_column_gaussian():
    likelihood, raw, x = build([], (4,)), torch.randn(5, 4), torch.randn(5, 4)
    torch.testing.assert_close(likelihood(raw).log_prob(x), Gaussian(data_shape=(4,))(raw).log_prob(x))


def test_groups_that_do_not_fit_the_table_are_refused():
    with pytest.raises(ComponentError, match="columns: expected widths that sum to the 9 columns of the table, got 7"):
        build(shape=(9,))
    with pytest.raises(ComponentError, match=r"expected rows of a table, .* got data of shape \(1, 8, 8\)"):
        build(shape=(1, 8, 8))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"likelihood": "gausian"}, r"likelihood\.columns\[0\]\.likelihood: unknown likelihood 'gausian'"),
        ({"likelihood": {"name": "gaussian", "skale": 1.0}}, r"columns\[0\]\.likelihood\.skale"),
        ({"likelihood": "gaussian", "width": 0}, "width"),
        ({"likelihood": "gaussian", "wide": 1}, "wide"),
    ],
)
def test_a_wrong_group_is_refused_with_its_path(group, message):
    with pytest.raises(ComponentError, match=message):
        build([group], (1,))


def test_a_model_of_mixed_columns_trains_imputes_and_keeps_its_groups_when_saved(tmp_path):
    x = rows(64)
    mask = torch.rand(64, 7) > 0.2
    torch.manual_seed(0)
    model = zoo.build(
        {
            "objective": "vae",
            "data_shape": (7,),
            "latent_dim": 2,
            "encoder": {"name": "mlp", "widths": [16]},
            "posterior": "diagonal_gaussian",
            "decoder": {"name": "mlp", "widths": [16]},
            "likelihood": {"name": "columns", "columns": GROUPS},
        }
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = model.loss(x, mask=mask).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < sum(losses[:5])
    restored = zoo.load(zoo.save(model, tmp_path))
    torch.testing.assert_close(restored.reconstruct(x), model.eval().reconstruct(x))
    assert torch.equal(model.impute(x, mask)[mask], x[mask])
    assert model.log_likelihood(x, mask=mask, num_samples=5).isfinite().all()


@pytest.mark.slow
def test_a_table_with_many_likelihoods_compiles_to_one_graph():
    names = ["beta_binomial", "student_t"]
    likelihood = build([*GROUPS, *({"likelihood": name} for name in names)], (9,))
    raw, mask = torch.randn(3, *likelihood.parameter_shape), torch.rand(3, 9) > 0.3
    x = likelihood(raw).sample()

    def log_prob(values):
        return likelihood.log_prob(likelihood(values), x, mask)

    compiled = torch.compile(log_prob, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(raw), log_prob(raw))


def test_the_groups_follow_from_the_types_of_the_columns():
    columns = (
        ColumnDescription(name="a"),
        ColumnDescription(name="b", type="date"),
        ColumnDescription(name="c", type="categorical", categories=("x", "y", "z")),
        ColumnDescription(name="d", type="boolean"),
        ColumnDescription(name="e", type="categorical", categories=("only",)),
        ColumnDescription(name="f", type="integer"),
        ColumnDescription(name="g", type="categorical", categories=("one", "other")),
    )
    likelihood = Columns(data_shape=(10,), data_columns=columns)
    kinds = [(type(group).__name__, width) for group, width in zip(likelihood.groups, likelihood.widths, strict=True)]
    assert kinds == [("Gaussian", 2), ("Categorical", 3), ("Bernoulli", 2), ("Gaussian", 1), ("Categorical", 2)]
    assert likelihood.groups[0].raw_scale.shape == (2,), "each column has a deviation of its own, learned"


def test_numbers_may_have_another_likelihood_and_groups_that_are_stated_count():
    columns = (ColumnDescription(name="a"), ColumnDescription(name="b", type="boolean"))
    robust = Columns(data_shape=(2,), data_columns=columns, numeric=ComponentSpec(name="student_t"))
    assert [type(group).__name__ for group in robust.groups] == ["StudentT", "Bernoulli"]
    stated = Columns(
        data_shape=(2,), data_columns=columns, columns=[ColumnGroup(likelihood=ComponentSpec(name="laplace"), width=2)]
    )
    assert [type(group).__name__ for group in stated.groups] == ["Laplace"]


def test_each_value_adds_what_its_column_says_and_an_even_share_where_columns_belong_together():
    likelihood, x = build(), rows(5)
    raw = torch.randn(5, *likelihood.parameter_shape)
    gaussian, category = Gaussian(data_shape=(2,), scale_mode="per_pixel"), likelihood.groups[2]
    mask = torch.tensor([True, False, True, True, True, True, True]).expand(5, 7)
    found = likelihood.log_prob_by_value(likelihood(raw), x, mask)
    expected = gaussian.log_prob_by_value(gaussian(raw[:, :4]), x[:, :2])
    torch.testing.assert_close(found[:, 0], expected[:, 0])
    assert not found[:, 1].any()
    whole = category.log_prob(category(raw[:, 5:8]), x[:, 3:6])
    torch.testing.assert_close(found[:, 3:6], whole[:, None].expand(5, 3) / 3)


def test_means_and_variances_are_those_of_the_columns():
    likelihood = build()
    raw = torch.randn(5, *likelihood.parameter_shape)
    p, gaussian = likelihood(raw), Gaussian(data_shape=(2,), scale_mode="per_pixel")(raw[:, :4])
    torch.testing.assert_close(p.mean[:, :2], gaussian.mean)
    torch.testing.assert_close(p.variance[:, :2], gaussian.variance)
    torch.testing.assert_close(p.mean[:, 2:3], raw[:, 4:5].sigmoid())
    assert p.sample((3,)).shape == (3, 5, 7)
