"""MAFs of tables whose networks are causal Transformers over the columns."""

import numpy as np
import pytest
import tensorflow as tf
from rows import chain_rows, jacobian

import tfp_maf
from tfp_maf.estimators.candidates import AUTO, CANDIDATES

ROWS, _ = chain_rows(600, 4, seed=0)
SMALL = {"network": "attention", "hidden_units": (8, 8), "heads": 2, "activation": "gelu"}


def shaken(event_size=4, **options):
    given = {"num_layers": 2, "batch_norm": False, "dtype": "float64"} | SMALL | options
    flow = tfp_maf.build_maf(event_size, **given)
    rng = np.random.default_rng(1)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(size=variable.shape, scale=0.2))
    return flow


def test_each_column_depends_on_the_columns_before():
    reached = np.abs(jacobian(shaken(num_layers=1)._tfp_noise, tf.constant(ROWS[:9], tf.float64)))
    np.testing.assert_array_equal(reached.max(axis=0) > 0, np.tri(4, dtype=bool))


def test_log_det_and_round_trip():
    flow, x = shaken(condition_size=2), tf.constant(ROWS[:9], tf.float64)
    condition = np.random.default_rng(0).normal(size=[9, 2])
    joined = tf.concat([x, condition], axis=1)

    def noise(y):
        return flow._tfp_noise(tf.concat([y, condition], axis=1))

    u = noise(x)
    slogdet = np.linalg.slogdet(jacobian(noise, tf.identity(x)))[1]
    normal = -0.5 * (u.numpy() ** 2).sum(axis=1) - 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(flow.tfp_log_prob(joined), normal + slogdet, atol=1e-9)
    back = flow._tfp_data(tf.concat([u, condition], axis=1))
    np.testing.assert_allclose(back, x, atol=1e-9)


def test_two_columns_integrate_to_one():
    t = np.linspace(-9, 9, 401)
    axis, spacing = np.sinh(t), np.cosh(t) * (t[1] - t[0])
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(shaken(2).log_prob(grid))
    assert density @ np.outer(spacing, spacing).ravel() == pytest.approx(1, abs=1e-3)


def test_given_a_condition_it_is_a_distribution():
    flow = shaken(num_labels=3)
    given = flow.given([0, 2])
    x = ROWS[:2].astype(np.float64)
    np.testing.assert_allclose(given.log_prob(x), flow.log_prob(x, [0, 2]), atol=1e-10)
    assert given.sample(5, seed=1).shape == [5, 2, 4]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_one_pass_gives_tfps_density_in_training_too(batch_norm):
    flow = shaken(batch_norm=batch_norm)
    x = tf.constant(ROWS[:50], tf.float64)
    np.testing.assert_allclose(
        flow.tfp_log_prob(x, training=True), flow.training_distribution.log_prob(x), atol=1e-9
    )


@pytest.mark.slow
def test_it_trains_is_saved_and_loaded(tmp_path):
    flow = tfp_maf.build_maf(4, num_layers=2, batch_norm=False, **SMALL)
    history = tfp_maf.fit(
        flow, ROWS[:500], ROWS[500:], learning_rate=1e-2, max_epochs=5, progress=False
    )
    assert history.best_validation > history.untrained + 0.3
    flow.save(tmp_path)
    again = tfp_maf.load_flow(tmp_path)
    assert again.arguments["network"] == "attention"
    np.testing.assert_array_equal(again.log_prob(ROWS), flow.log_prob(ROWS))
    np.testing.assert_array_equal(again.sample(7, seed=0), flow.sample(7, seed=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "mlp"}, "network must be one of 'made', 'attention'"),
        ({"hidden_units": (8, 16)}, r"attention needs layers of one width.*\[8, 16\]"),
        ({"hidden_units": ()}, "attention needs layers of one width"),
        ({"heads": 3}, "heads=3 does not divide width=8"),
        ({"bijector": "spline"}, "affine maps only"),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tfp_maf.build_maf(4, **(SMALL | options))


def test_it_is_a_candidate_for_tables_that_is_asked_for():
    flow = CANDIDATES["attention"].build(4, condition_size=2, seed=0)
    assert flow.arguments["network"] == "attention"
    assert "attention" not in AUTO
