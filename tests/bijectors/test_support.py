"""Columns with a range: no sample outside, and a density that is one inside."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfp_maf
from tfp_maf.bijectors.support import InSupport, Support

SHARE, POSITIVE, BELOW = Support(0.0, 1.0), Support(low=2.0), Support(high=-1.0)
ANGLE = Support(0.0, 2 * np.pi, periodic=True)
ALL = [SHARE, POSITIVE, BELOW, ANGLE, None]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    columns = [
        rng.beta(0.5, 0.7, 800),
        2 + rng.exponential(size=800),
        -1 - rng.exponential(size=800),
        rng.vonmises(0.3, 2, 800) % (2 * np.pi),
        rng.normal(size=800),
    ]
    return np.stack(columns, axis=1)


@given(st.lists(st.floats(-14, 14), min_size=5, max_size=5))
@settings(max_examples=200, deadline=None)
def test_round_trip_and_log_det(z):
    bijector = InSupport(ALL, dtype="float64")
    z = tf.constant([z], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        x = bijector.forward(z)
    slopes = tape.gradient(x, z)
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(z, 0), np.log(np.abs(slopes)), rtol=1e-6, atol=1e-6
    )
    inside = tf.identity(x)
    np.testing.assert_allclose(bijector.inverse(inside), z, atol=1e-6)


def test_numpys_way_is_tensorflows(rows):
    bijector = InSupport(ALL, dtype="float64")
    z, log_det = bijector.to_line(bijector.check(rows, name="x"))
    x = tf.constant(rows)
    np.testing.assert_allclose(z, bijector.inverse(x), rtol=1e-9)
    np.testing.assert_allclose(log_det, bijector.inverse_log_det_jacobian(x, 1), rtol=1e-9)


@pytest.mark.parametrize("build", [tfp_maf.build_maf, tfp_maf.build_realnvp])
def test_no_sample_outside(rows, build, tmp_path):
    flow = build(5, num_layers=2, hidden_units=(8,), support=ALL)
    tfp_maf.fit(flow, rows, learning_rate=1e-2, max_epochs=2, progress=False)
    flow.save(tmp_path)
    for known in (flow, tfp_maf.load_flow(tmp_path)):
        x = known.sample(20_000, seed=1).numpy()
        assert (x[:, 0] >= 0).all()
        assert (x[:, 0] <= 1).all()
        assert (x[:, 1] >= 2).all()
        assert (x[:, 2] <= -1).all()
        assert ((x[:, 3] >= 0) & (x[:, 3] <= 2 * np.pi)).all()
    with tf.GradientTape():
        tensors = flow.log_prob(tf.constant(rows[:50], tf.float32))
    np.testing.assert_allclose(tensors, flow.log_prob(rows[:50]), rtol=1e-3, atol=1e-3)
    theirs = flow.distribution.log_prob(rows[:50].astype(np.float32))
    np.testing.assert_allclose(theirs, flow.log_prob(rows[:50]), rtol=1e-3, atol=1e-3)


def test_the_density_inside_is_one(rows):
    flow = tfp_maf.build_maf(2, num_layers=2, hidden_units=(8,), support=[SHARE, None])
    tfp_maf.fit(flow, rows[:, [0, 4]], learning_rate=1e-2, max_epochs=3, progress=False)
    # Equal steps in logit: the density grows without bound at the edges.
    t, v = np.linspace(-30, 30, 1501), np.linspace(-8, 8, 401)
    u = 1 / (1 + np.exp(-t))
    keep = (u > 0) & (u < 1)
    weight = (u * (1 - u) * (t[1] - t[0]))[keep]
    grid = np.stack(np.meshgrid(u[keep], v, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(flow.log_prob(grid).numpy().astype(np.float64)).reshape(-1, len(v))
    assert (density * weight[:, None]).sum() * (v[1] - v[0]) == pytest.approx(1, abs=5e-3)


def test_angles_are_taken_modulo_their_period(rows):
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(4,), support=[ANGLE, None])
    x = rows[:5, [3, 4]]
    turned = x + [2 * np.pi, 0]
    np.testing.assert_allclose(flow.log_prob(turned), flow.log_prob(x), rtol=1e-4)


def test_rows_outside_are_named(rows):
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(4,), support=[SHARE, None])
    x = rows[:5, [0, 4]].copy()
    x[3, 0] = 1.0
    with pytest.raises(ValueError, match=r"x has 1 at row 3, column 0 .* outside of Support"):
        flow.log_prob(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Support(), "needs finite bounds"),
        (lambda: Support(1.0, 0.0), "low below high"),
        (lambda: Support(0.0, np.inf), "finite bounds"),
        (lambda: Support(0.0, periodic=True), "needs both bounds"),
        (lambda: tfp_maf.build_maf(2, support=[SHARE]), "one entry for each of 2 columns"),
        (lambda: tfp_maf.build_maf(1, support=["positive"]), "must be tfp_maf.Support"),
    ],
)
def test_invalid_supports_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
