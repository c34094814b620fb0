"""Models of described tables: exact likelihoods, samples as the table came, files."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest

from tfp_maf.data_prep import table
from tfp_maf.estimators import conditionals, fill_missing
from tfp_maf.estimators.candidates import AUTO, CANDIDATES, batch_size_for, names_for
from tfp_maf.estimators.fit_table import fit_table, stacked
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.training.history import History

N = 900
SMALL = {"hidden_units": (16,), "components": 4}
QUICK = {"max_epochs": 6, "learning_rate": 1e-2, "patience": 5}


def mixed(n=N, seed=0):
    """A table whose density is known: two categories, a number given them, a gap now and then."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    flag = rng.random(n) < np.where(group == "a", 0.8, 0.3)
    x = rng.normal(np.where(group == "a", 0.0, 4.0) + flag, 1.0)
    y = rng.normal(0.8 * x, 0.6)
    frame = pd.DataFrame({"group": group, "flag": flag, "x": x, "y": y})
    frame.loc[rng.random(n) < 0.2, "y"] = np.nan
    return frame


def log_density(frame):
    """The logarithm of its probabilities and densities, row by row."""
    group = np.log(frame["group"].map({"a": 0.5, "b": 0.3, "c": 0.2}))
    p = np.where(frame["group"] == "a", 0.8, 0.3)
    flag = np.log(np.where(frame["flag"], p, 1 - p))
    mean = np.where(frame["group"] == "a", 0.0, 4.0) + frame["flag"]
    x = -0.5 * (frame["x"] - mean) ** 2 - 0.5 * np.log(2 * np.pi)
    y = -0.5 * ((frame["y"] - 0.8 * frame["x"]) / 0.6) ** 2 - np.log(0.6 * np.sqrt(2 * np.pi))
    gap = np.where(frame["y"].isna(), np.log(0.2), np.log(0.8) + y.fillna(0))
    return (group + flag + x + gap).to_numpy()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    mixed(4000).to_parquet(path)
    splits = table.load(path)
    names = names_for(2, condition_size=7)
    candidates = [CANDIDATES[n].replaced(SMALL, QUICK) for n in names if n.startswith("made")]
    return splits, fit_table(splits, candidates, seed=0)


def rows_of(model, frame):
    return model.schema.standardised(model.schema.encode(frame), model.scaler)


def test_the_likelihood_is_near_the_truth_gaps_included(fitted):
    _, result = fitted
    frame = mixed(3000, seed=1)
    rows = rows_of(result.model, frame)
    ours = result.model.log_prob(rows) + rows.to_units
    truth = log_density(frame)
    assert np.abs(ours - truth).mean() < 0.2
    # A density can't be above the true one on average.
    assert -0.1 < (ours - truth).mean() < 0.02


def test_categories_sum_and_numbers_integrate_to_one(fitted):
    model = fitted[1].model
    sizes = list(model.schema.category_sizes.values())
    codes = np.array(list(itertools.product(*map(range, sizes))))
    assert np.exp(model.categories.log_prob(codes.astype(float))).sum() == pytest.approx(
        1, abs=1e-5
    )
    side = np.linspace(-6, 6, 161)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype(np.float32)
    rows = rows_of(model, mixed(1).assign(y=1.0))
    rows = rows[np.zeros(len(grid), int)]
    rows.z[:] = grid
    total = np.exp(model.number_log_prob(rows)).sum() * (side[1] - side[0]) ** 2
    assert total == pytest.approx(1, abs=0.02)


def test_samples_have_the_columns_types_and_frequencies(fitted):
    model = fitted[1].model
    frame, drawn = mixed(4000), model.sample(4000, seed=1)
    assert list(drawn.columns) == list(frame.columns)
    assert drawn["flag"].dtype == bool
    assert set(drawn["group"]) == {"a", "b", "c"}
    assert abs(drawn["y"].isna().mean() - 0.2) < 0.04
    for name in ("a", "b", "c"):
        assert abs((drawn["group"] == name).mean() - (frame["group"] == name).mean()) < 0.05
        mine, theirs = (f.loc[f["group"] == name, "x"].mean() for f in (drawn, frame))
        assert abs(mine - theirs) < 0.4
    pd.testing.assert_frame_equal(drawn, model.sample(4000, seed=1))
    assert len(model.sample(0, seed=1)) == 0


def test_a_model_is_saved_whole(fitted, tmp_path):
    splits, result = fitted
    result.model.save(tmp_path)
    again = TableModel.load(tmp_path)
    assert again.schema == result.model.schema
    rows = splits.rows("test")
    np.testing.assert_array_equal(again.log_prob(rows), result.model.log_prob(rows))
    pd.testing.assert_frame_equal(again.sample(20, seed=3), result.model.sample(20, seed=3))
    (tmp_path / "members.json").write_text("{}")
    with pytest.raises(ValueError, match=r"members\.json is damaged"):
        TableModel.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no model of a table"):
        TableModel.load(tmp_path / "models")


def test_the_column_to_blame_is_found(fitted):
    model = fitted[1].model
    frame = mixed(4, seed=5).assign(group="a", flag=True)
    frame["x"], frame["y"] = 1.0, 0.8
    frame.loc[1, "y"] = 6.0  # unlikely given x
    frame.loc[2, ["x", "y"]] = [5.0, 4.0]  # unlikely in group a: typical of b and c
    parts = conditionals.parts_of(model)
    found = conditionals.surprises(model, rows_of(model, frame), parts)
    table_ = pd.DataFrame(found)
    assert table_.loc[1].idxmin() in ("y", "x")
    assert table_.loc[1, "y"] < -10
    assert table_.loc[2, "group"] < -2
    assert table_.loc[0].min() > -3


def test_conditionals_integrate_to_one_and_agree_with_the_joint(fitted):
    model = fitted[1].model
    rows = rows_of(model, mixed(6, seed=7))
    for part in conditionals.parts_of(model):
        joint = conditionals.log_joint(model, rows, part)
        conditional, rest = conditionals.log_conditional(joint, part)
        np.testing.assert_allclose(np.exp(conditional + part.log_widths).sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(conditional + rest[:, None], joint, atol=1e-6)


def test_draws_follow_their_conditional():
    grid = np.array([-1.0, 0.0, 0.5, 2.0])
    part = conditionals.Part("x", 0, grid, is_number=True)
    density = np.array([0.0, 1.0, 2.0, 0.0])
    density = density / np.trapezoid(density, grid)
    with np.errstate(divide="ignore"):
        conditional = np.tile(np.log(density), (40_000, 1))
    drawn = conditionals.draw(conditional, part, np.random.default_rng(0))
    counts, edges = np.histogram(drawn, 30, (-1, 2), density=True)
    middle = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(counts, np.interp(middle, grid, density), atol=0.05)


def test_missing_cells_are_filled_from_what_is_there(fitted):
    model = fitted[1].model
    frame = mixed(300, seed=8).assign(group="a", flag=True)
    frame["x"] = np.repeat([-1.0, 3.0], 150)
    frame["y"] = np.nan
    filled = fill_missing.fill(model, frame, seed=0)
    assert (filled.single, filled.several, filled.unfilled) == (300, 0, 0)
    for x in (-1.0, 3.0):
        values = filled.frame.loc[frame["x"] == x, "y"].astype(float)
        assert values.mean() == pytest.approx(0.8 * x, abs=0.25)
        assert values.std() == pytest.approx(0.6, abs=0.2)
    both = frame.assign(group=None, x=4.5, y=3.6)
    many = fill_missing.fill(model, both, draws=2, seed=0)
    assert list(many.frame["draw"]) == [1] * 300 + [2] * 300
    assert (many.frame["group"] != "a").mean() > 0.8  # 4.5 is typical of b and c
    odd = fill_missing.fill(model, frame.assign(flag="maybe"), seed=0)
    assert odd.unfilled == 300
    closed = fill_missing.fill(model, frame.assign(y="closed"), seed=0)
    assert (closed.single, closed.replaced) == (300, 300)
    assert "300 cells that are no numbers or dates replaced" in closed.describe()
    pd.testing.assert_frame_equal(closed.frame, filled.frame, check_dtype=False)
    assert "unknown category 'maybe'" in odd.describe()


def test_given_columns_have_no_likelihood_and_steer_the_samples(tmp_path):
    frame = mixed(2500)[["group", "flag", "x"]]
    frame.to_csv(tmp_path / "t.csv", index=False)
    splits = table.load(tmp_path / "t.csv", given=("group",))
    candidate = CANDIDATES["made_mog"].replaced(SMALL, QUICK)
    model = fit_table(splits, [candidate], seed=0).model
    assert model.categories.event_size == 1
    drawn = model.sample(1500, given=pd.DataFrame([{"group": "c"}]), seed=0)
    assert set(drawn["group"]) == {"c"}
    assert drawn["x"].mean() == pytest.approx(4.3, abs=0.3)
    assert drawn["flag"].mean() == pytest.approx(0.3, abs=0.08)
    # P(flag | group) sums to one for each group.
    rows = rows_of(model, frame.head(50))
    swapped = rows_of(model, frame.head(50).assign(flag=~frame["flag"].head(50)))
    total = np.exp(model.category_log_prob(rows)) + np.exp(model.category_log_prob(swapped))
    np.testing.assert_allclose(total, 1, atol=1e-5)
    for given, message in [
        (None, "the model needs values of 'group'"),
        ({"group": "z"}, "unknown category 'z'"),
        ({"x": 1}, "the model needs values of 'group'"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.sample(2, given=None if given is None else pd.DataFrame([given]))


@pytest.mark.parametrize("columns", [["group"], ["x"], ["group", "flag"], ["x", "y"]])
def test_categories_alone_and_numbers_alone(tmp_path, columns):
    mixed(400)[columns].to_csv(tmp_path / "t.csv", index=False)
    splits = table.load(tmp_path / "t.csv", missing="drop")
    candidate = CANDIDATES["made_mog"].replaced(SMALL, {"max_epochs": 1})
    model = fit_table(splits, [candidate], seed=0).model
    assert np.isfinite(model.log_prob(splits.rows("test"))).all()
    assert list(model.sample(5, seed=0).columns) == columns
    assert model.noise(splits.rows("test")).shape[1] == len(splits.scaler.columns)


@pytest.mark.parametrize(("columns", "runs"), [(["group"], 1), (["group", "x"], 2)])
def test_the_budget_is_shared_with_the_categories(tmp_path, columns, runs):
    mixed(400)[columns].to_csv(tmp_path / "t.csv", index=False)
    limits = []

    def trainer(flow, *rows, max_seconds=None, **options):
        limits.append(max_seconds)
        return History(untrained=0.0)

    candidate = CANDIDATES["made_mog"].replaced(SMALL, {})
    fit_table(table.load(tmp_path / "t.csv"), [candidate], budget=1000, trainer=trainer)
    assert len(limits) == runs
    assert limits[0] == pytest.approx(1000 / runs, rel=0.05)


def test_nothing_begins_when_the_budget_is_spent(tmp_path):
    mixed(400)[["x", "y"]].dropna().to_csv(tmp_path / "t.csv", index=False)
    began = []

    def trainer(flow, *rows, max_seconds=None, **options):
        began.append(flow)
        time.sleep(0.01)
        return History(untrained=0.0)

    candidates = [CANDIDATES[name] for name in ("made_mog", "maf_mog", "gaussian_mixture")]
    splits = table.load(tmp_path / "t.csv")
    result = fit_table(splits, candidates, budget=0.01, trainer=trainer)
    assert len(began) == 1
    assert result.failures == {"maf_mog": "the budget of 0.01 s was spent before it"}
    assert [member.name for member in result.candidates] == ["made_mog", "gaussian_mixture"]


def test_weights_of_an_average_are_the_likeliest():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(2000) < 0.3, rng.normal(0, 1, 2000), rng.normal(6, 1, 2000))
    normal = lambda mean: -0.5 * (x - mean) ** 2 - 0.5 * np.log(2 * np.pi)  # noqa: E731
    weights = stacked(np.array([normal(0), normal(6), normal(30)]))
    np.testing.assert_allclose(weights, [0.3, 0.7, 0], atol=0.03)
    assert weights.sum() == pytest.approx(1)
    assert weights[2] == 0
    np.testing.assert_array_equal(stacked(np.zeros([1, 5])), [1])


def test_candidates_suit_the_table():
    assert names_for(5, condition_size=0) == list(AUTO)
    assert "gaussian_mixture" not in names_for(5, condition_size=2)
    assert "maf_mog" not in names_for(1, condition_size=0)
    assert [batch_size_for(n) for n in (9, 300, 1500, 10**4, 10**5 * 3)] == [9, 16, 50, 100, 300]
