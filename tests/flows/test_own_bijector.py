"""A user's own elementwise bijector in a MAF."""

import copy

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from rows import chain_rows, jacobian

import tfp_maf

tfb = tfp.bijectors
ROWS, _ = chain_rows(600, 4, seed=0)


def sinh_arcsinh(outputs):
    """A bijector with skew and tails, from raw outputs ``[..., 4]``."""
    shift, log_scale, skewness, log_tail = tf.unstack(outputs, axis=-1)
    tails = tfb.SinhArcsinh(skewness=skewness, tailweight=tf.exp(0.5 * tf.tanh(log_tail)))
    return tfb.Chain([tfb.Shift(shift), tfb.Scale(log_scale=tf.tanh(log_scale)), tails])


def built(**options):
    options = {"num_layers": 3, "hidden_units": (8,), "batch_norm": False} | options
    return tfp_maf.build_maf(4, bijector=sinh_arcsinh, params=4, **options)


def test_its_density_is_that_of_tfps_bijectors():
    flow = built(dtype="float64")
    x = tf.constant(ROWS[:20], tf.float64)
    inverse = flow.distribution.bijector.inverse
    slogdet = np.linalg.slogdet(jacobian(inverse, x))[1]
    normal = -0.5 * (inverse(x).numpy() ** 2).sum(axis=1) - 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(flow.log_prob(ROWS[:20]), normal + slogdet, atol=1e-9)


def test_it_trains_packed_samples_in_one_pass_and_is_copied():
    flow = built()
    assert flow.compiled.program.repeats == 3
    before = tfp_maf.evaluate(flow, ROWS[500:]).mean
    tfp_maf.fit(flow, ROWS[:500], ROWS[500:], learning_rate=1e-2, max_epochs=4, progress=False)
    assert tfp_maf.evaluate(flow, ROWS[500:]).mean > before + 0.3
    with tf.GradientTape():  # TFP's D passes
        theirs = flow.sample(30, seed=1)
    np.testing.assert_allclose(flow.sample(30, seed=1), theirs, rtol=1e-4, atol=1e-4)
    again = copy.deepcopy(flow)
    np.testing.assert_array_equal(again.log_prob(ROWS), flow.log_prob(ROWS))


def test_it_is_saved_by_name_and_loaded_with_the_function(tmp_path):
    flow = built()
    flow.save(tmp_path)
    again = tfp_maf.load_flow(tmp_path, bijector=sinh_arcsinh)
    np.testing.assert_array_equal(again.log_prob(ROWS), flow.log_prob(ROWS))
    served = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(served.log_prob(ROWS), flow.log_prob(ROWS), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"load_flow\(..., bijector=.*sinh_arcsinh"):
        tfp_maf.load_flow(tmp_path)


def test_splines_by_name():
    named = tfp_maf.build_maf(4, bijector="spline", activation="relu", batch_norm=False, seed=3)
    nsf = tfp_maf.build_nsf(4, seed=3)
    np.testing.assert_array_equal(named.log_prob(ROWS), nsf.log_prob(ROWS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bijector": "cubic"}, "bijector must be one of 'affine', 'spline'"),
        ({"bijector": sinh_arcsinh}, "give params with a bijector of your own"),
        ({"params": 3}, "give params with a bijector of your own"),
        ({"bijector": sinh_arcsinh, "params": 0}, "params must be a positive integer"),
    ],
)
def test_invalid_bijectors_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tfp_maf.build_maf(4, **options)
