"""Calls with few rows: their time, and that packed weights are never stale."""

import time

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfp_maf
from tfp_maf.bijectors.support import Support
from tfp_maf.utils.variables import FromVariables

ROWS = np.random.default_rng(0).normal(size=[100, 4])


@pytest.fixture(scope="module")
def flow():
    """Return a standardised MAF with weights that are not its first."""
    flow = tfp_maf.build_maf(4, num_layers=1, hidden_units=(8,))
    flow.standardise(3 * ROWS + 1)
    return flow


@pytest.fixture
def variables():
    """Return two variables of one shape."""
    return [tf.Variable(np.arange(4, dtype=np.float32) + i) for i in (0, 10)]


def sums(variables):
    """Return a value that is kept, and the number of times that it was computed."""
    calls = []

    def compute(values):
        calls.append(1)
        return float(sum(map(tf.reduce_sum, values)))

    return FromVariables(variables, compute), calls


def test_kept_until_a_variable_changes(variables):
    kept, calls = sums(variables)
    assert [kept.value for _ in range(5)] == [52.0] * 5 and len(calls) == 1
    variables[1].assign_add(tf.ones(4))
    assert [kept.value for _ in range(5)] == [56.0] * 5 and len(calls) == 2


def _compiled(variables):
    @tf.function(jit_compile=True)
    def change():
        variables[0].assign_add(tf.ones(4))

    change()


def _by_optimizer(optimizer):
    def change(variables):
        optimizer.apply_gradients([(tf.ones(4), variables[0])])

    return change


CHANGES = {
    "assign": lambda v: v[0].assign(tf.zeros(4)),
    "in place": lambda v: v[0].assign_add([0.0, 0.0, 0.0, 1.0]),
    "scattered": lambda v: v[0].scatter_update(tf.IndexedSlices([7.0], [2])),
    "raw": lambda v: tf.raw_ops.AssignSubVariableOp(resource=v[0].handle, value=tf.ones(4)),
    "graph": lambda v: tf.function(lambda: v[0].assign_add(tf.ones(4)))(),
    "compiled": _compiled,
    "Adam": _by_optimizer(tf_keras.optimizers.Adam(0.1)),
    "old Adam": _by_optimizer(tf_keras.optimizers.legacy.Adam(0.1)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_way_to_change_a_variable_is_noticed(variables, change):
    kept, calls = sums(variables)
    for i in range(2):
        assert kept.value == float(sum(map(tf.reduce_sum, variables))) and len(calls) == i + 1
        change(variables)


def test_windows_of_one_tensor_are_different_values():
    shared = tf.constant(np.arange(128, dtype=np.float32))
    variable = tf.Variable(shared[:32])
    kept, _ = sums([variable])
    for start in (0, 16, 32, 16, 0):  # these slices lie in the memory of what they are cut from
        variable.assign(shared[start : start + 32])
        assert kept.value == float(tf.reduce_sum(shared[start : start + 32]))


def test_a_restored_checkpoint_is_noticed(variables, tmp_path):
    checkpoint = tf.train.Checkpoint(v=variables)
    path = checkpoint.save(tmp_path / "c")
    kept, _ = sums(variables)
    variables[0].assign(tf.zeros(4))
    assert kept.value == 46.0
    checkpoint.restore(path)
    assert kept.value == 52.0


def test_variables_of_a_strategy():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        variable = tf.Variable(1.0)
    kept, _ = sums([variable])
    assert kept.value == 1.0
    variable.assign(2.0)
    assert kept.value == 2.0


def test_log_prob_and_samples_follow_the_weights(flow):
    old = flow.get_weights()
    before, drawn = flow.log_prob(ROWS[:1]), flow.sample(2, seed=0)
    flow.set_weights([weight + 0.1 for weight in old])
    after, redrawn = flow.log_prob(ROWS[:1]), flow.sample(2, seed=0)
    expected = flow.distribution.log_prob(ROWS[:1].astype("f"))
    np.testing.assert_allclose(after, expected, rtol=1e-4)
    assert np.abs(after - before).min() > 1e-3 and np.abs(redrawn - drawn).min() > 1e-4
    flow.set_weights(old)
    np.testing.assert_array_equal(flow.log_prob(ROWS[:1]), before)
    np.testing.assert_array_equal(flow.sample(2, seed=0), drawn)


@pytest.mark.parametrize("n", [1, 2, 10, 11])
def test_few_rows_are_scored_as_many(flow, n):
    many = flow.log_prob(ROWS)[:n]
    np.testing.assert_allclose(flow.log_prob(ROWS[:n]), many, rtol=1e-5)
    assert flow.log_prob(ROWS[0]).shape == () and flow.log_prob(
        ROWS[:6].reshape(2, 3, 4)
    ).shape == (2, 3)


def test_frozen_keeps_the_weights_it_had(flow):
    old, frozen = flow.get_weights(), flow.frozen()
    before = flow.log_prob(ROWS[:5])
    flow.set_weights([weight + 0.1 for weight in old])
    np.testing.assert_array_equal(frozen.log_prob(ROWS[:5]), before)
    flow.set_weights(old)
    assert frozen.log_prob(ROWS[:0]).shape == (0,) and frozen.log_prob(ROWS[0]).shape == ()
    with pytest.raises(ValueError, match="shape"):
        frozen.log_prob(ROWS[:, :3])


def test_frozen_with_labels_and_support():
    flow = tfp_maf.build_maf(
        2, num_layers=1, hidden_units=(8,), num_labels=3, support=[Support(low=0), None]
    )
    x, labels = np.abs(ROWS[:6, :2]).reshape(3, 2, 2) + 0.1, np.array([0, 2])
    frozen = flow.frozen().log_prob(x, labels)
    np.testing.assert_allclose(frozen, flow.log_prob(x, labels))
    np.testing.assert_allclose(
        frozen, [flow.given(labels).log_prob(r.astype("f")) for r in x], rtol=1e-5
    )
    # One axis of the batch is the events', the other the labels'.
    apart = flow.log_prob(x[:, :1], labels)
    assert apart.shape == (3, 2)
    np.testing.assert_allclose(apart[:, 1], flow.log_prob(x[:, 0], np.full(3, 2)), rtol=1e-5)


def test_what_can_not_be_frozen():
    with pytest.raises(ValueError, match="build_maf has no compiled functions"):
        tfp_maf.build_maf(2, num_layers=1, network="attention", batch_norm=False).frozen()


def fastest(functions, rounds=150):
    """Return the least seconds of each function, called in turns."""
    seconds = []
    for _ in range(rounds):
        for function in functions:
            began = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - began)
    return np.reshape(seconds, [rounds, -1])[10:].min(axis=0)


def test_a_rows_density_does_not_depend_on_the_others(flow):
    every = flow.log_prob(ROWS).numpy()
    for n in (1, 2, 10, 11, 99):
        np.testing.assert_array_equal(flow.log_prob(ROWS[:n]), every[:n])
    np.testing.assert_allclose(flow.frozen().log_prob(ROWS[:1]), every[:1], rtol=1e-5)


@pytest.mark.parametrize(("n", "most", "most_frozen"), [(1, 3.5, 3.0), (100, 3.5, 2.5)])
def test_calls_take_little_longer_than_the_bare_function(n, most, most_frozen):
    flow = tfp_maf.build_maf(8, num_layers=10, hidden_units=(16, 16))
    x = np.random.default_rng(0).normal(size=[100, 8])
    flow.standardise(x)
    frozen, packed, program = flow.frozen(), flow.compiled.packed, flow.compiled.program
    bare = tf.function(lambda *args: program.log_prob(*args), jit_compile=True)

    def of(rows):
        concrete = bare.get_concrete_function(rows, *packed)
        return lambda: concrete(rows, *packed)

    # A flow's own programs are for a hundred rows and more, a frozen one's also for few.
    calls = [of(tf.constant(x, tf.float32)), lambda: flow.log_prob(x[:n])]
    calls += [of(tf.constant(x[:n], tf.float32)), lambda: frozen.log_prob(x[:n])]
    of_hundred, ours, of_few, ours_frozen = fastest(calls)
    assert ours < most * of_hundred and ours_frozen < most_frozen * of_few
