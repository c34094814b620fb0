"""Rows, conditions, seeds and copies as users give and make them."""

import copy
import multiprocessing
import pickle
import warnings

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from models import MODELS, ROWS, built, every_model, shaken

import tfp_maf

FRAME = pd.DataFrame(ROWS[:, :3] * [1, 100, 0.01] + [0, 5e3, 0], columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def framed():
    """A MAF that was trained on a DataFrame, its columns of different scales."""
    flow = tfp_maf.build_maf(3, num_layers=2, hidden_units=(8,))
    history = tfp_maf.fit(flow, FRAME, learning_rate=1e-2, max_epochs=2, progress=False)
    assert history.epochs == 2
    return flow


def test_a_frames_columns_are_known_by_name(framed):
    assert framed.columns == ("a", "b", "c")
    expected = framed.log_prob(FRAME.to_numpy()[:9])
    np.testing.assert_allclose(framed.log_prob(FRAME[["c", "a", "b"]][:9]), expected)
    np.testing.assert_allclose(framed.log_prob(FRAME.assign(d=1.0)[:9]), expected)
    with pytest.raises(ValueError, match=r"x lacks the columns \['b'\]"):
        framed.log_prob(FRAME[["a", "c"]])


def test_columns_are_kept_in_files_and_copies(framed, tmp_path):
    framed.save(tmp_path)
    for again in (tfp_maf.load_flow(tmp_path), pickle.loads(pickle.dumps(framed))):
        assert again.columns == ("a", "b", "c")
        reordered = again.log_prob(FRAME[["b", "c", "a"]][:9])
        np.testing.assert_array_equal(reordered, framed.log_prob(FRAME[:9]))


def test_masked_values_are_refused():
    flow = built("maf_5", 2)
    x = np.ma.masked_array(np.zeros([4, 2]), mask=[[0, 0], [0, 0], [0, 1], [0, 0]])
    with pytest.raises(ValueError, match=r"masked values, the first at \[2, 1\]"):
        flow.log_prob(x)
    assert flow.log_prob(np.ma.masked_array(np.zeros([4, 2]))).shape == [4]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maf_5", "made_mog", "nsf_ar"])
def test_columns_of_any_scale(name):
    """The flow standardises: the density of 1000 x is the old one, less log 1000 a column."""
    x = ROWS[:, :3].astype(np.float64)
    scale = np.array([1000.0, 1e-3, 1e6])
    results = []
    for rows in (x, x * scale + [0, 7, 1e8]):
        flow = built(name, 3)
        tfp_maf.fit(flow, rows[:500], rows[500:], learning_rate=1e-2, max_epochs=3, progress=False)
        results.append(flow.log_prob(rows[500:]).numpy())
    np.testing.assert_allclose(results[1], results[0] - np.log(scale).sum(), atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maf_5", "realnvp_5", "made_mog", "nsf_ar", "gaussian"])
def test_conditions_of_any_scale(name):
    rng = np.random.default_rng(0)
    c = rng.uniform(-1.7, 1.7, [600, 2])
    x = np.stack([c[:, 0] + 0.1 * rng.normal(size=600), rng.normal(size=600)], axis=1)
    results = []
    for scale, offset in ((1.0, 0.0), (1500.0, 2500.0)):
        flow = built(name, 2, kind="vector")
        given = c * scale + offset
        options = {"learning_rate": 1e-2, "max_epochs": 4, "progress": False}
        tfp_maf.fit(
            flow,
            x[:500],
            x[500:],
            train_condition=given[:500],
            validation_condition=given[500:],
            **options,
        )
        results.append(flow.log_prob(x[500:], given[500:]).numpy())
    np.testing.assert_allclose(results[1], results[0], atol=5e-3)


@pytest.mark.slow
def test_standardising_keeps_the_density_one(tmp_path):
    flow = tfp_maf.build_nsf(2, num_layers=2, hidden_units=(8,))
    x = ROWS[:, :2] * [3.0, 0.5] + [10, -4]
    tfp_maf.fit(flow, x, learning_rate=1e-2, max_epochs=3, progress=False)
    u, v = np.linspace(-20, 40, 801), np.linspace(-9, 1, 801)
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    density = np.exp(flow.log_prob(grid)).sum() * (u[1] - u[0]) * (v[1] - v[0])
    assert density == pytest.approx(1, abs=3e-3)
    samples = flow.sample(5000, seed=0).numpy()
    np.testing.assert_allclose(samples.mean(axis=0), x.mean(axis=0), atol=0.3)
    with tf.GradientTape() as tape:  # the way through tensors
        tensors = flow.log_prob(tf.constant(x[:20], tf.float32))
    np.testing.assert_allclose(tensors, flow.log_prob(x[:20]), rtol=1e-4, atol=1e-4)
    assert tape.gradient(tensors, flow.trainable_variables)[0] is not None


def test_dates_in_seconds_keep_their_digits():
    flow = tfp_maf.build_made(1, hidden_units=(4,))
    seconds = 1.7e9 + np.arange(400.0)[:, None]  # float32 steps by 128 here
    flow.standardise(seconds)
    noise = flow.noise(seconds[:2]).numpy()
    assert noise[1, 0] > noise[0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [2, 3])
def test_a_coupling_spline_flow_works_first_time_in_a_graph(columns, tmp_path):
    def fresh():
        return tfp_maf.build_nsf(columns, coupling=True, num_layers=2, hidden_units=(4,))

    spec = [tf.TensorSpec([None, columns])]
    x = ROWS[:5, :columns]
    flow = fresh()
    inside = tf.function(flow.log_prob, input_signature=spec)(tf.constant(x))
    np.testing.assert_allclose(inside, flow.log_prob(x), atol=1e-5)
    assert fresh().noise(x).shape == [5, columns]
    fresh().save(tmp_path)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((flow := fresh()).log_prob(tf.constant(x)))
    assert all(g is not None for g in tape.gradient(loss, flow.trainable_variables))
    assert tfp_maf.load_flow(tmp_path).log_prob(x).shape == [5]


def test_one_condition_for_all_rows_also_in_a_graph():
    for kind, condition in (("label", 1), ("vector", [0.3, -0.5])):
        flow = shaken("maf_5", 2, kind=kind, dtype="float32")
        x = tf.constant(ROWS[:5, :2])
        expected = flow.log_prob(ROWS[:5, :2], condition)
        given = tf.constant(condition)
        np.testing.assert_allclose(tf.function(flow.log_prob)(x, given), expected, atol=1e-5)
        several = tf.function(lambda c, f=flow: f.sample(4, condition=c))(given)
        assert several.shape == [4, 2]


def test_a_condition_that_is_not_wanted_is_refused_everywhere():
    flow = built("maf_5", 2)
    x = tf.zeros([3, 2])
    for call in (flow.log_prob, flow.noise):
        for wrapped in (call, tf.function(call)):
            with pytest.raises(ValueError, match="given to a flow without one"):
                wrapped(x, tf.zeros([3], tf.int32))
    with pytest.raises(ValueError, match="given to a flow without one"):
        flow.sample(3, condition=1)


@pytest.mark.slow
@every_model
def test_gradients_reach_conditions_and_rows_eagerly(name):
    flow = shaken(name, 2, kind="vector", dtype="float32", num_layers=1)
    x, c = tf.constant(ROWS[:6, :2]), tf.constant(ROWS[6:12, :2])
    calls = {
        "log_prob": lambda: flow.log_prob(x, c),
        "noise": lambda: flow.noise(x, c),
        "sample": lambda: flow.sample(6, condition=c, seed=1),
    }
    for what, call in calls.items():
        with tf.GradientTape() as tape:
            tape.watch([x, c])
            result = call()
        to_x, to_c = tape.gradient(result, [x, c])
        assert np.abs(to_c).max() > 0, what
        assert what == "sample" or np.abs(to_x).max() > 0, what


def _score(flow):
    """Run in another process."""
    return flow.log_prob(ROWS[:5, :2]).numpy()


@every_model
def test_copies(name):
    flow = shaken(name, 2, dtype="float32", num_layers=1)
    expected = flow.log_prob(ROWS[:5, :2]).numpy()
    for again in (
        pickle.loads(pickle.dumps(flow)),
        copy.deepcopy(flow),
        cloudpickle.loads(cloudpickle.dumps(flow)),
    ):
        np.testing.assert_array_equal(again.log_prob(ROWS[:5, :2]), expected)
        again.trainable_variables[0].assign_add(
            0.1 * tf.ones_like(again.trainable_variables[0])
        )  # no variable is shared
        np.testing.assert_array_equal(flow.log_prob(ROWS[:5, :2]), expected)


def test_joblib(tmp_path):
    flow = shaken("maf_5", 2, dtype="float32")
    joblib.dump(flow, tmp_path / "flow.joblib")
    again = joblib.load(tmp_path / "flow.joblib")
    np.testing.assert_array_equal(again.log_prob(ROWS[:5, :2]), flow.log_prob(ROWS[:5, :2]))


@pytest.mark.slow
def test_a_spawned_process():
    flow = shaken("maf_5", 2, dtype="float32")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        scores = pool.apply(_score, [flow])
    np.testing.assert_allclose(scores, _score(flow), rtol=1e-6)


def test_a_flow_put_together_by_hand_says_why_it_is_not_copied():
    from tfp_maf.flows.flow import Flow

    flow = Flow(2, [], builder="-", arguments={}, masks={})
    with pytest.raises(ValueError, match="unknown builder"):
        pickle.dumps(flow)


def test_one_column_is_warned_of():
    with pytest.warns(UserWarning, match="one column is a Gaussian .* build_nsf"):
        tfp_maf.build_maf(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tfp_maf.build_nsf(1, num_layers=1, hidden_units=(4,))
        tfp_maf.build_made_mog(1, hidden_units=(4,))


def test_seeds_by_tfps_rules():
    flow = shaken("maf_5", 2, dtype="float32")
    tf.random.set_seed(5)
    first = flow.sample(3).numpy()
    tf.random.set_seed(5)
    np.testing.assert_array_equal(flow.sample(3), first)
    assert (flow.sample(3).numpy() != first).all()
    stateless = flow.sample((2, 3), seed=tf.constant([1, 2]))
    assert stateless.shape == [2, 3, 2]
    np.testing.assert_array_equal(flow.sample([2, 3], seed=(1, 2)), stateless)
    flat = tf.reshape(flow.sample((2, 3), seed=9), [6, 2])
    np.testing.assert_array_equal(flow.sample(6, seed=9), flat)
    dynamic = tf.function(lambda n: flow.sample(n, seed=4))(tf.constant(3))
    assert dynamic.shape == [3, 2]


def test_labels_never_trained_on_are_warned_of():
    flow = built("maf_5", 2, kind="label")
    x, labels = ROWS[:200, :2], np.arange(200) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow.log_prob(x, 2)  # untrained: nothing to compare with
    options = {"train_condition": labels, "validation_condition": labels, "max_epochs": 1}
    tfp_maf.fit(flow, x, x, progress=False, **options)
    again = pickle.loads(pickle.dumps(flow))
    for known in (flow, again):
        for call in (lambda f=known: f.log_prob(x, 2), lambda f=known: f.sample(3, condition=2)):
            with pytest.warns(UserWarning, match=r"no training row had the labels \[2\]"):
                call()


@pytest.mark.slow
def test_checked_numerics_fall_back_to_graphs():
    """In a process of its own: TensorFlow's checks stay in what was traced under them."""
    import subprocess
    import sys

    code = """
import numpy as np, tensorflow as tf, tfp_maf
tf.debugging.enable_check_numerics()
flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(4,))
x = np.random.default_rng(0).normal(size=[200, 2])
tfp_maf.fit(flow, x, max_epochs=1, progress=False)
assert np.isfinite(flow.log_prob(x)).all() and np.isfinite(flow.sample(5, seed=0)).all()
tf.debugging.disable_check_numerics()
assert np.isfinite(flow.log_prob(x)).all()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_no_row_one_row_and_many_axes():
    for name in MODELS:
        flow = shaken(name, 2, dtype="float32", num_layers=1)
        x = ROWS[:6, :2].reshape(2, 3, 2)
        assert flow.log_prob(x).shape == [2, 3]
        np.testing.assert_allclose(flow.log_prob(x[0, 1]), flow.log_prob(x)[0, 1], atol=1e-5)
        assert flow.log_prob(np.zeros([0, 2])).shape == [0]
        assert flow.noise(x).shape == [2, 3, 2]
        assert flow.noise(np.zeros([0, 2])).shape == [0, 2]
        assert flow.sample().shape == [2]
