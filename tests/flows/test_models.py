"""Every model, taken through the same tests."""

import numpy as np
import pytest
import tensorflow as tf
from models import (
    MODELS,
    ONE_CONDITION,
    ROWS,
    a_few,
    built,
    condition_of,
    every_condition,
    every_model,
    shaken,
)
from rows import jacobian

import tfp_maf
from tfp_maf.distributions.mixture import MixtureMade


def keywords(flow, kind, n):
    """Rows of events and condition, joined."""
    condition = condition_of(kind, n)
    return condition, tf.constant(flow.joined_rows(ROWS[:n], condition))


@every_model
@every_condition
def test_the_fast_density_is_tfps(name, kind):
    flow = shaken(name, kind=kind)
    condition, rows = keywords(flow, kind, 50)
    theirs = flow.tfp_log_prob(rows)
    np.testing.assert_allclose(flow.log_prob(ROWS[:50], condition), theirs, atol=1e-9)
    assert np.isfinite(theirs).all()


@every_model
@every_condition
def test_gradients_reach_every_parameter(name, kind):
    flow = shaken(name, kind=kind)
    _, rows = keywords(flow, kind, 200)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow.tfp_log_prob(rows, training=True) * np.linspace(0.5, 2, 200))
    for variable, gradient in zip(
        flow.trainable_variables, tape.gradient(loss, flow.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        reached = np.broadcast_to(flow.masks.get(variable.ref(), 1) != 0, variable.shape)
        # A relu unit may be dead for all rows; most must live.
        assert (np.abs(gradient.numpy())[reached] > 0).mean() > 0.5, variable.name


@every_model
@every_condition
def test_round_trip_and_log_det(name, kind):
    flow = shaken(name, kind=kind)
    condition, rows = keywords(flow, kind, 20)
    x, given = flow.split(rows)
    options = flow._keywords(given).get("bijector_kwargs", {})
    bijector = flow.distribution.bijector
    u = bijector.inverse(x, **options)
    np.testing.assert_allclose(bijector.forward(tf.identity(u), **options), x, atol=1e-8)
    fresh = tf.identity(x)  # the bijector's cache would answer without a gradient
    slogdet = np.linalg.slogdet(jacobian(lambda y: bijector.inverse(y, **options), fresh))[1]
    has_condition = given is not None and isinstance(flow.base, MixtureMade)
    base = {"condition": given} if has_condition else {}
    expected = flow.base.log_prob(u, **base) + slogdet
    np.testing.assert_allclose(flow.log_prob(ROWS[:20], condition), expected, atol=1e-9)


def density_on_grid(flow, condition):
    """Points of the plane, dense in its middle, and how much probability each stands for."""
    t = np.linspace(-10, 10, 501)
    axis, spacing = np.sinh(t), np.cosh(t) * (t[1] - t[0])  # up to 11,000 deviations out
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(flow._graph_log_prob(flow.joined_rows(grid, condition)))
    return grid, density * np.outer(spacing, spacing).ravel()


@pytest.mark.slow
@a_few
def test_integrates_to_one(name, kind):
    flow = shaken(name, 2, kind=kind)
    _, weights = density_on_grid(flow, ONE_CONDITION[kind])
    assert weights.sum() == pytest.approx(1, abs=3e-3)


@every_model
def test_structure(name):
    """Which outputs an input reaches, in one layer: none before it, or none of its own half."""
    flow = shaken(name, num_layers=1, num_blocks=1, batch_norm=False)
    x = tf.constant(ROWS[:30], tf.float64)
    reached = np.abs(jacobian(flow._tfp_noise, x)).max(axis=0) > 1e-12
    if MODELS[name].is_autoregressive:
        if (
            name == "maf_mog_5"
        ):  # its base sees the reversed order: its last layer alone is looked at
            reached = np.abs(jacobian(flow.base.normal_scores, x)).max(axis=0) > 1e-12
        np.testing.assert_array_equal(reached, np.tril(np.ones([5, 5], bool)))
        return
    # Noise: odd columns first, untouched, then the even ones, moved by them.
    np.testing.assert_array_equal(reached[:2], np.eye(5, dtype=bool)[[1, 3]])
    np.testing.assert_array_equal(reached[2:, 1::2], True)
    np.testing.assert_array_equal(reached[2:, ::2], np.eye(3, dtype=bool))


@every_model
@every_condition
def test_every_feature_depends_on_the_condition(name, kind):
    if kind == "plain":
        pytest.skip("no condition")
    flow = shaken(name, kind=kind)
    one, other = [0, 1] if kind == "label" else [[0.0, 0.0], [1.0, 1.0]]
    moved = np.abs(flow.noise(ROWS[:50], one) - flow.noise(ROWS[:50], other)).max(axis=0)
    assert (moved > 1e-3).sum() >= (5 if MODELS[name].is_autoregressive else 4)


@pytest.mark.slow
@a_few
def test_samples_have_the_density(name, kind):
    """Means over many samples against integrals."""
    flow = shaken(name, 2, kind=kind)
    condition = ONE_CONDITION[kind]
    grid, weights = density_on_grid(flow, condition)
    samples = flow.sample(8_000, condition=condition, seed=0).numpy()
    statistics = [np.sin, np.cos, np.tanh, lambda v: np.sin(v[:, :1] + 2 * v[:, 1:])]
    for statistic in statistics:
        expected = weights @ statistic(grid)
        # Values within -1 and 1: five standard errors are at most 5 / sqrt(8,000).
        np.testing.assert_allclose(statistic(samples).mean(axis=0), expected, atol=0.056)


@a_few
def test_the_fast_way_to_sample_is_tfps(name, kind):
    flow = shaken(name, 40 if name.startswith(("ma", "real")) else 5, kind=kind)
    condition = condition_of(kind, 30)
    fast = flow.sample(30, condition=condition, seed=3)
    with tf.GradientTape():  # where gradients may be wanted, TFP's
        theirs = flow.sample(30, condition=condition, seed=3)
    np.testing.assert_allclose(fast, theirs, atol=1e-8, rtol=1e-8)
    np.testing.assert_allclose(
        flow.sample(10, condition=None if condition is None else condition[:10], seed=3),
        fast[:10],
        atol=1e-12,
    )


@pytest.mark.slow
@a_few
def test_save_and_load(name, kind, tmp_path):
    flow = shaken(name, kind=kind, dtype="float32")
    flow.save(tmp_path)
    again = tfp_maf.load_flow(tmp_path)
    condition = condition_of(kind, 40)
    np.testing.assert_array_equal(
        again.log_prob(ROWS[:40], condition), flow.log_prob(ROWS[:40], condition)
    )
    served = tf.saved_model.load(str(tmp_path / "model"))
    given = []
    if kind == "label":
        given = [tf.constant(condition, tf.int32)]
    if kind == "vector":
        given = [tf.constant(condition, tf.float32)]
    np.testing.assert_allclose(
        served.log_prob(tf.constant(ROWS[:40]), *given),
        flow.log_prob(ROWS[:40], condition),
        atol=1e-4,
        rtol=1e-5,
    )
    assert served.sample(40, tf.constant([1, 2]), *given).shape == [40, 5]


@pytest.mark.slow
@a_few
def test_training_raises_the_likelihood(name, kind):
    flow = built(name, kind=kind)
    given = condition_of(kind, 600)
    part = (lambda rows: None) if given is None else (lambda rows: given[rows])
    history = tfp_maf.fit(
        flow,
        ROWS[:500],
        ROWS[500:],
        train_condition=part(slice(500)),
        validation_condition=part(slice(500, None)),
        learning_rate=5e-3,
        batch_size=50,
        max_epochs=8,
        progress=False,
    )
    assert history.best_validation > history.untrained + 0.3


def test_a_condition_of_another_length_is_refused_for_many_rows_too():
    flow = tfp_maf.build_made(2, hidden_units=(8,), num_labels=3)
    x = np.zeros([100, 2])
    with pytest.raises(ValueError, match="condition has 200 rows, but there are 100 events"):
        tfp_maf.evaluate(flow, x, condition=np.zeros(200, int), chunk_size=50)
    labels = np.where(np.arange(100) == 70, 5, 0)
    with pytest.raises(ValueError, match="label 5 at row 70"):
        tfp_maf.evaluate(flow, x, condition=labels, chunk_size=50)


def test_a_label_that_is_none_has_no_density_inside_a_function():
    flow = tfp_maf.build_made(2, hidden_units=(8,), num_labels=3)
    inside = tf.function(flow.log_prob)
    found = inside(tf.zeros([2, 2]), tf.constant([1, 7]))
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_a_watched_tensor_has_a_gradient_and_graphs_draw_anew():
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(8,))
    x = tf.constant(ROWS[:5, :2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        log_prob = flow.log_prob(x)
    assert np.abs(tape.gradient(log_prob, x)).min() > 0
    draw = tf.function(lambda: flow.sample(2))
    assert (draw().numpy() != draw().numpy()).all()


def test_numpys_numbers_are_as_good_as_pythons(tmp_path):
    flow = tfp_maf.build_maf(
        np.int64(2), num_layers=np.int32(1), hidden_units=np.array([4]), num_labels=np.int64(2)
    )
    flow.save(tmp_path)
    labels = np.arange(100) % 2
    tfp_maf.fit(
        flow,
        ROWS[:100, :2],
        ROWS[:50, :2],
        train_condition=labels,
        validation_condition=labels[:50],
        batch_size=np.int64(50),
        learning_rate=np.float32(1e-3),
        max_epochs=1,
        progress=False,
        checkpoint=tmp_path / "t.npz",
    )
    with pytest.raises(ValueError, match=r"hidden_units must be like \(100, 100\)"):
        tfp_maf.build_maf(2, hidden_units=100)
    with pytest.raises(ValueError, match="bins must be at most 3000"):
        tfp_maf.build_nsf(2, bins=4000)
