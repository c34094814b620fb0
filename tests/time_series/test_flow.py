"""Time-conditional flows: causality, densities, sampling, files, and a density that is known."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import kstest, norm
from series import REGIMES, SWITCHES, switching_series, var_series

from tfp_maf.networks.past import ENCODERS
from tfp_maf.time_series.flow import CONDITIONALS, FILE, TimeFlow
from tfp_maf.time_series.innovations import Innovations
from tfp_maf.time_series.least_squares import ORDERS
from tfp_maf.time_series.sampling import PathSampler, sample_paths
from tfp_maf.time_series.windows import Stretch

PAST, KNOWN = 3, 1


def small(conditional="maf", encoder="convolution", **options):
    """A little flow over time of two columns with one known input, weights off zero."""
    if conditional != "gaussian":
        options = {"num_layers": 2, "hidden_units": (8,)} | options
    model = TimeFlow(
        2, past=PAST, known_size=KNOWN, conditional=conditional, encoder=encoder, length=4,
        **options,
    )  # fmt: skip
    return shaken(model)


def shaken(model, *, by=0.2):
    """The model with all its weights off zero, but for those that masks keep there."""
    rng = np.random.default_rng(0)
    for variable in model.density.trainable_variables:
        variable.assign_add(rng.normal(scale=by, size=variable.shape))
    for place, mask in model.flow.masks.items():
        place.deref().assign(place.deref() * mask)
    return model


def steps(count=11, *, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=[count, 2]), rng.normal(size=[count, KNOWN])


each_pair = pytest.mark.parametrize(
    ("conditional", "encoder"),
    [*itertools.product(["maf"], sorted(ENCODERS)),
     *itertools.product(sorted(set(CONDITIONALS) - {"maf"}), ["convolution"])],
)  # fmt: skip


@each_pair
def test_no_step_sees_the_future(conditional, encoder):
    model = small(conditional, encoder)
    x, known = steps()
    before = model.step_log_prob(x, known)
    assert np.isfinite(before).all()
    for t in (0, 2, 3, 4, 8, 10):
        for of, changed in ((0, x.copy()), (1, known.copy())):
            changed[t] += 1
            args = (changed, known) if of == 0 else (x, changed)
            moved = model.step_log_prob(*args) != before
            assert moved[t] and not moved[:t].any()
            if encoder != "gru":
                assert not moved[t + PAST + 1 :].any()
            if of == 0 or encoder != "window":  # it holds the past values only
                assert moved[t + 1 : t + PAST + 1].all()


@pytest.mark.parametrize("conditional", ["maf", "maf_mog", "nsf", "gaussian"])
def test_the_fast_way_is_tfps(conditional):
    model = small(conditional)
    rows = model.rows(model.stretch(*steps()))
    theirs = model.density.program.step_log_prob(tf.constant(rows))
    np.testing.assert_allclose(model.density.step_log_prob(rows), theirs, rtol=1e-5, atol=2e-5)


def test_a_step_is_the_flow_given_context_and_known_inputs():
    model = small(encoder="window")
    x, known = steps()
    found = model.step_log_prob(x, known)
    past = np.concatenate([np.zeros([PAST, 2]), x])
    context = np.stack([past[t : t + PAST][::-1].ravel() for t in range(len(x))])
    condition = np.concatenate([context, known], axis=1)
    np.testing.assert_allclose(found, model.flow.log_prob(x, condition), atol=1e-5)


def test_each_step_has_a_density_that_integrates_to_one():
    options = {"num_layers": 1, "hidden_units": (8,)}
    model = shaken(TimeFlow(1, past=2, length=2, conditional="nsf", **options), by=0.05)
    x = var_series(300)[0][:, :1]
    before = model.density.log_det
    model.innovations = Innovations.fit([model.stretch(x)], orders=[2])
    assert before == 0 != model.density.log_det
    grid = np.linspace(-8, 8, 1001)
    series = np.tile(x[200:203], (len(grid), 1, 1))
    series[:, 2, 0] = grid
    rows = np.concatenate([model.rows(model.stretch(each, None, 2)) for each in series])
    density = np.exp(model.density.step_log_prob(rows)[:, 0])
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("conditional", ["maf", "maf_mog", "nsf"])
def test_the_noise_has_the_density_that_the_steps_have(conditional):
    model = small(conditional)
    x, known = steps()
    noise = model.step_noise(x, known)
    assert noise.shape == x.shape
    jacobian = np.empty([2, 2])
    for i in range(2):
        sides = []
        for by in (0.01, -0.01):
            moved = x.copy()
            moved[6, i] += by
            sides.append(model.step_noise(moved, known)[6])
        jacobian[:, i] = (sides[0] - sides[1]) / 0.02
    log_p = norm.logpdf(noise[6]).sum() + np.log(abs(np.linalg.det(jacobian)))
    assert log_p == pytest.approx(model.step_log_prob(x, known)[6], abs=0.02)
    holed = x.copy()
    holed[3, 0] = np.nan
    assert np.isnan(model.step_noise(holed, known)[3]).all()


def test_units_change_the_density_by_their_factor():
    found = []
    for unit in (1.0, 50.0):
        model = small("maf", batch_norm=False)
        x = var_series(300)[0] * unit + 7 * unit
        known = np.zeros([300, 1])
        model.innovations = Innovations.fit([model.stretch(x[:200], known[:200])], orders=[1])
        found.append(model.step_log_prob(x, known))
    np.testing.assert_allclose(found[1], found[0] - 2 * np.log(50), atol=1e-3)


def test_a_step_with_a_missing_value_has_none_and_the_rest_go_on():
    model = small()
    x, known = steps()
    x[4, 1] = np.nan
    found = model.step_log_prob(x, known)
    assert np.isnan(found[4]) and np.isfinite(np.delete(found, 4)).all()
    assert model.log_prob(x, known) == pytest.approx(np.nansum(found))
    filled = x.copy()
    filled[4, 1] = x[3, 1]  # the latest value stands in, and the flow knows that it does
    assert (model.step_log_prob(filled, known)[5:8] != found[5:8]).all()


def test_any_length_and_any_first_step():
    model = small()
    x, known = steps(11)
    whole = model.step_log_prob(x, known)
    for length in (1, 3, 4, 5, 8):
        np.testing.assert_allclose(
            model.step_log_prob(x[:length], known[:length]), whole[:length], atol=1e-5
        )
    for first in (1, 6, 10):
        np.testing.assert_allclose(
            model.step_log_prob(x, known, first=first), whole[first:], atol=1e-5
        )


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
@pytest.mark.parametrize("given", [0, 1, 3])
def test_the_cache_has_the_context_of_one_pass(encoder, given):
    if encoder == "gru" and given == PAST:
        given = PAST - 1  # a longer past is where its memory begins
    model = small(encoder=encoder)
    x, known = steps(3)
    sampler = PathSampler(model, x[None, :given], known[None, :given], paths=2, seed=0)
    drawn = sampler.draw(known[None, given] if given < 3 else np.zeros([1, 1]))
    series = np.concatenate([x[:given], drawn[:1]])
    inputs = np.concatenate([known[:given], known[given : given + 1] if given < 3 else [[0.0]]])
    rows = model.rows(model.stretch(series, inputs))
    layout = model.layout
    of_steps = rows[:, layout.events_size : -layout.length]
    of_steps = of_steps.reshape(len(rows), layout.steps, layout.input_size)
    contexts = model.encoder(tf.constant(of_steps)).numpy()[0]
    np.testing.assert_allclose(sampler._context[0], contexts[PAST + given], atol=1e-5)


def test_sampling_is_reproducible_and_takes_many_pasts():
    model = small()
    x, known = steps(9)
    pasts = np.stack([x[:5], x[1:6]])
    inputs = np.stack([known[:8], known[1:9]])
    drawn = sample_paths(model, pasts, steps=3, paths=7, known=inputs, seed=3)
    assert drawn.shape == (2, 7, 3, 2)
    again = sample_paths(model, pasts, steps=3, paths=7, known=inputs, seed=3)
    np.testing.assert_array_equal(drawn, again)
    assert len(np.unique(drawn[0, :, 0, 0])) == 7


@pytest.mark.parametrize("conditional", sorted(CONDITIONALS))
def test_a_flow_starts_near_the_innovations_own_density(conditional):
    model = TimeFlow(4, past=PAST, known_size=2, conditional=conditional)
    rng = np.random.default_rng(0)
    x, known = rng.normal(size=[300, 4]), rng.normal(size=[300, 2])
    found = model.step_log_prob(x, known).mean()
    assert found == pytest.approx(norm.logpdf(x).sum(axis=1).mean(), abs=0.5)


def test_many_series_are_scored_as_each_alone():
    model = small()
    series = [steps(count, seed=count) for count in (3, 11, 5)]
    series[1][0][4] = np.nan
    stretches = [model.stretch(x, known, 1) for x, known in series]
    for found, alone in (
        (model.log_probs(stretches), model.step_log_prob),
        (model.noises(stretches), model.step_noise),
    ):
        for each, (x, known) in zip(found, series, strict=True):
            np.testing.assert_allclose(each, alone(x, known, first=1), atol=1e-5)


@pytest.mark.parametrize("steps_before", [0, 1, 2, 8])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_paths_have_the_innovations_that_were_drawn(order, steps_before, monkeypatch):
    model = small()
    x, known = steps(90)
    orders = [order] if order else []
    model.innovations = Innovations.fit([model.stretch(x, known)], orders=orders)
    assert model.innovations.order == order
    drawn = np.random.default_rng(1).normal(size=[6, 1, 2]).clip(-2, 2)
    monkeypatch.setattr(model.flow, "sample", lambda *_, **__: tf.constant(next(left)))
    left = iter(drawn)
    past = x[None, :steps_before]
    path = sample_paths(model, past, steps=6, known=known[None, : steps_before + 6])[0, 0]
    whole = model.stretch(np.concatenate([past[0], path]), known[: steps_before + 6])
    found = model.innovations.apply(whole)[0][steps_before:]
    np.testing.assert_allclose(found, drawn[:, 0], atol=1e-9)


def test_innovations_take_the_order_and_the_season_that_there_are():
    rng = np.random.default_rng(0)
    x, season = np.zeros([600, 1]), np.sin(2 * np.pi * np.arange(600) / 12)[:, None]
    for t in range(3, 600):
        x[t] = 0.9 * x[t - 3] + 2 * season[t] + 0.1 * rng.normal()
    model = TimeFlow(1, past=8, known_size=1)
    without = TimeFlow(1, past=2, known_size=1)
    fitted = [
        Innovations.fit([m.stretch(x, season)], orders=[p for p in ORDERS if p <= m.past])
        for m in (model, without)
    ]
    assert fitted[0].order >= 3 and fitted[1].order <= 2
    assert fitted[0].scale[0] * fitted[0].factor[0, 0] == pytest.approx(0.1, rel=0.1)
    assert fitted[0].matrix[2, 0] == pytest.approx(0.9, abs=0.05)
    assert fitted[0].matrix[-1, 0] * fitted[0].scale[0] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("length", [2, 3, 4, 9])
def test_innovations_of_many_short_series_have_a_prediction(length):
    rng = np.random.default_rng(0)
    starts = rng.normal(size=[60, 1, 1])
    series = starts + 0.1 * rng.normal(size=[60, length, 1]).cumsum(axis=1)
    found = Innovations.fit([Stretch(x, np.zeros([length, 0])) for x in series], orders=ORDERS)
    assert 1 <= found.order <= length
    assert found.scale[0] * found.factor[0, 0] == pytest.approx(0.1, rel=0.2)


def test_innovations_are_uncorrelated_but_for_a_diagonal_density():
    x, known = var_series(2_000)[0], np.zeros([2_000, 0])
    stretch = Stretch(x + 3 * x[:, :1], known)
    for diagonal in (False, True):
        found = Innovations.fit([stretch], orders=[1], diagonal=diagonal)
        e = found.apply(stretch)[0][1:]
        np.testing.assert_allclose(e.std(axis=0), 1, atol=0.05)
        assert (abs(np.corrcoef(e.T)[0, 1]) < 0.05) is not diagonal
        holed = replace(stretch, x=np.where(np.arange(2_000)[:, None] == 7, [np.nan, 1], x))
        found = found.apply(holed)[0][7]
        assert np.isnan(found[0]) and np.isfinite(found[1])


def test_draws_beyond_what_was_trained_on_are_moved(tmp_path):
    model = small()
    x, _ = steps(9)
    model.innovations = replace(model.innovations, farthest=np.array([0.05, 100.0]))
    with pytest.warns(UserWarning, match="of 84 values drawn were farther out than 2 times"):
        drawn = sample_paths(model, x[None, :5], steps=6, paths=7, known=np.zeros([1, 11, 1]))
    assert np.abs(drawn[..., 0]).max() <= 0.1 < np.abs(drawn[..., 1]).max()


def test_a_saved_model_is_the_same(tmp_path):
    model = small("nsf", "gru")
    x, known = steps()
    model.innovations = Innovations.fit([model.stretch(x, known)], orders=[1])
    model.save(tmp_path / "m")
    loaded = TimeFlow.load(tmp_path / "m")
    np.testing.assert_allclose(loaded.step_log_prob(x, known), model.step_log_prob(x, known))
    file = tmp_path / "m" / FILE
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged"):
        TimeFlow.load(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match="holds no model"):
        TimeFlow.load(tmp_path)


def test_bad_input():
    with pytest.raises(ValueError, match="a step would see the future"):
        TimeFlow(2, batch_norm=True)
    with pytest.raises(ValueError, match="conditional must be one of"):
        TimeFlow(2, conditional="realnvp_5")
    model = small()
    x, known = steps()
    with pytest.raises(ValueError, match=r"shape \[T, 2\] with T > 0, got \[11, 1\]"):
        model.log_prob(x[:, :1], known)
    with pytest.raises(ValueError, match=r"known inputs must have shape \[11, 1\], got \[11, 0\]"):
        model.log_prob(x)
    with pytest.raises(ValueError, match="step 3, column 1"):
        model.log_prob(np.where(np.arange(22).reshape(11, 2) == 7, np.inf, x), known)
    with pytest.raises(ValueError, match="first must be a step from 0 to 10"):
        model.log_prob(x, known, first=11)
    with pytest.raises(ValueError, match="nothing to score"):
        model.fit([model.stretch(x * np.nan, known)], [], standardise=False)


@pytest.mark.slow
@pytest.mark.parametrize("varying", [False, True])
def test_a_known_density_is_found(varying):
    x, log_p = var_series(24_000, varying=varying)
    model = TimeFlow(
        2, past=2, conditional="maf", encoder="window", length=20, num_layers=2,
        hidden_units=(32,), activation="relu",
    )  # fmt: skip
    model.fit(
        [model.stretch(x[:20_000])],
        [model.stretch(x[:22_000], None, 20_000)],
        learning_rate=5e-3, max_epochs=20, batch_size=5, halve_after=2, progress=False,
    )  # fmt: skip
    found = model.step_log_prob(x, first=22_000)
    assert found.mean() == pytest.approx(log_p[22_000:].mean(), abs=0.02)
    noise = model.step_noise(x, first=22_000)
    for column in noise.T:
        assert kstest(column, "norm").statistic < 0.05
    # Forecasts: what truly comes next is within an 80 % interval as often as it should be.
    origins = np.arange(22_010, 23_990, 10)
    pasts = np.stack([x[t - 4 : t] for t in origins])
    drawn = sample_paths(model, pasts, steps=2, paths=200, seed=0)
    truth = np.stack([x[t : t + 2] for t in origins])
    ranks = (drawn < truth[:, None]).mean(axis=1)
    inside = ((ranks > 0.1) & (ranks < 0.9)).mean()
    assert inside == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / 400))


def test_the_density_of_switching_regimes():
    x, log_p, regimes = switching_series(3000)
    likelihoods = []
    for first, second, factor in REGIMES:
        u = np.linalg.solve(factor, (x[2:] - x[1:-1] @ first.T - x[:-2] @ second.T).T).T
        likelihoods.append(norm.logpdf(u).sum(axis=1) - np.log(np.diag(factor)).sum())
    told = np.where(regimes[2:] == 0, *likelihoods).mean()
    shares = np.bincount(regimes) / len(regimes)
    memoryless = np.logaddexp(*(np.log(shares)[:, None] + np.array(likelihoods))).mean()
    assert memoryless + 0.05 < log_p[2:].mean() < told
    # The evidence by brute force: the sum over all paths of regimes.
    paths = np.array(list(itertools.product([0, 1], repeat=6)))
    start = np.array([0.5, 0.5]) @ SWITCHES
    log_weights = np.log(start[paths[:, 0]]) + np.log(SWITCHES[paths[:, :-1], paths[:, 1:]]).sum(1)
    log_weights += np.array(likelihoods)[paths, np.arange(6)].sum(axis=1)
    assert log_p[2:8].sum() == pytest.approx(np.logaddexp.reduce(log_weights))


@pytest.mark.slow  # 100,000 steps: with 40,000 the flow stays .04 nats below
def test_hidden_regimes_are_inferred_from_the_past():
    x, log_p, _ = switching_series(120_000)
    train, validation = 100_000, 110_000
    model = TimeFlow(
        2, past=20, length=100, conditional="maf_mog", num_layers=1, hidden_units=(32,),
        components=2, encoder_options={"size": 16},
    )  # fmt: skip
    model.fit(
        [model.stretch(x[:train])],
        [model.stretch(x[:validation], None, train)],
        learning_rate=5e-3, max_epochs=60, batch_size=8, patience=5, halve_after=2, progress=False,
    )  # fmt: skip
    found = model.step_log_prob(x, first=validation)
    assert found.mean() == pytest.approx(log_p[validation:].mean(), abs=0.04)
