"""Flows inside TFP's machinery: as parts of other distributions, in MCMC, VI and Keras."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from absl import flags
from models import ONE_CONDITION, ROWS, every_condition, every_model, shaken
from tensorflow_probability.python.internal import test_util

import tfp_maf
from tfp_maf.flows.catalogue import REPRODUCED

tfb, tfd, tfpl = tfp.bijectors, tfp.distributions, tfp.layers
X2 = ROWS[:, :2]


@pytest.fixture(scope="module")
def flow():
    """A MAF of two columns, with batch normalisation, that a few epochs have trained."""
    flow = tfp_maf.build_maf(2, num_layers=2, hidden_units=(8,), seed=1)
    tfp_maf.fit(flow, X2[:500], X2[500:], learning_rate=1e-2, max_epochs=3, progress=False)
    return flow


@pytest.mark.slow
@every_model
def test_samples_and_density_agree_by_tfps_own_test(name):
    flow = shaken(name, 2, dtype="float32", num_layers=1)
    sampler = tf.function(lambda: flow.distribution.sample(100_000, seed=(1, 2)))

    class Sampled:
        """The distribution, its draws made once."""

        dtype, batch_shape_tensor = tf.float32, staticmethod(lambda: tf.constant([], tf.int32))
        event_shape_tensor = staticmethod(lambda: tf.constant([2]))

        @staticmethod
        def sample(n, seed=None):
            return sampler()

        log_prob = staticmethod(tf.function(flow.distribution.log_prob))

    class Case(test_util.TestCase, test_util.VectorDistributionTestHelpers):
        def runTest(self):
            center = sampler().numpy().mean(axis=0)
            for radius in (0.4, 0.8):
                self.run_test_sample_consistent_log_prob(
                    self.evaluate, Sampled, radius=radius, center=center, rtol=0.06
                )

    flags.FLAGS.mark_as_parsed()  # TFP's tests read their seed from there
    Case().runTest()


@every_model
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_shapes_of_the_distribution(name, shape):
    flow = shaken(name, 2, dtype="float32", num_layers=1)
    distribution = flow.distribution
    assert distribution.event_shape == [2]
    assert distribution.batch_shape == []
    x = tf.function(lambda: distribution.sample(shape, seed=(1, 2)))()
    assert x.shape == [*shape, 2]
    log_prob = distribution.log_prob(x)
    assert log_prob.shape == shape
    np.testing.assert_allclose(distribution.prob(x), np.exp(log_prob), rtol=1e-5)
    np.testing.assert_allclose(log_prob, flow.log_prob(x), rtol=1e-4, atol=1e-4)


@every_model
@every_condition
def test_a_conditional_flow_given_its_condition_is_a_distribution(name, kind):
    if kind == "plain":
        assert (flow := shaken(name, 2, num_layers=1)).given(None) is flow.distribution
        return
    flow = shaken(name, 2, kind=kind, num_layers=1)
    condition = ONE_CONDITION[kind]
    one = flow.given(condition)
    assert one.batch_shape == []
    np.testing.assert_allclose(
        one.log_prob(tf.constant(X2[:7], tf.float64)), flow.log_prob(X2[:7], condition), atol=1e-9
    )
    many = flow.given(np.repeat([condition], 4, axis=0))
    assert many.batch_shape == [4]
    x = tf.function(lambda: many.sample(3, seed=(1, 2)))()
    assert x.shape == [3, 4, 2]
    np.testing.assert_allclose(many.log_prob(x), flow.log_prob(x, condition), atol=1e-9)
    for event in (x[0, 0], x[:, :1]):  # one event for all conditions, and three
        log_prob = many.log_prob(event)
        assert log_prob.shape == [*event.shape[:-2], 4]
        np.testing.assert_allclose(log_prob, many.log_prob(event + tf.zeros([4, 2], x.dtype)))


def test_a_sample_of_independent_events(flow):
    several = tfd.Sample(flow.distribution, 5)
    x = several.sample(3)
    assert x.shape == [3, 5, 2]
    np.testing.assert_allclose(
        several.log_prob(x), flow.log_prob(x).numpy().sum(axis=1), rtol=1e-4, atol=1e-3
    )


def test_joint_distributions(flow):
    def model():
        z = yield tfd.JointDistributionCoroutine.Root(flow.distribution)
        yield tfd.Normal(tf.reduce_sum(z, axis=-1), 1.0)

    joints = [
        tfd.JointDistributionNamed(
            {"z": flow.distribution, "y": lambda z: tfd.Normal(tf.reduce_sum(z, -1), 1.0)}
        ),
        tfd.JointDistributionSequential(
            [flow.distribution, lambda z: tfd.Normal(tf.reduce_sum(z, -1), 1.0)]
        ),
        tfd.JointDistributionCoroutine(model),
    ]
    for joint in joints:
        drawn = joint.sample(4, seed=(1, 2))
        z, y = (drawn["z"], drawn["y"]) if isinstance(drawn, dict) else drawn
        expected = flow.log_prob(z) + tfd.Normal(tf.reduce_sum(z, -1), 1.0).log_prob(y)
        np.testing.assert_allclose(joint.log_prob(drawn), expected, rtol=1e-4, atol=1e-4)
        assert joint.sample().__class__ is drawn.__class__


def test_mixtures_and_reinterpreted_batches(flow):
    broad = tfd.MultivariateNormalDiag(tf.zeros(2), 5 * tf.ones(2))
    mixture = tfd.Mixture(tfd.Categorical(probs=[0.9, 0.1]), [flow.distribution, broad])
    expected = np.log(0.9 * np.exp(flow.log_prob(X2[:6])) + 0.1 * np.exp(broad.log_prob(X2[:6])))
    np.testing.assert_allclose(mixture.log_prob(X2[:6]), expected, rtol=1e-4, atol=1e-4)
    conditional = shaken("maf_5", 2, kind="label", dtype="float32")
    together = tfd.Independent(conditional.given([0, 1, 2]), reinterpreted_batch_ndims=1)
    x = tf.constant(X2[:3])
    np.testing.assert_allclose(
        together.log_prob(x), conditional.log_prob(x, [0, 1, 2]).numpy().sum(), rtol=1e-4
    )


def test_entropy_by_sampling(flow):
    x = flow.sample(20_000, seed=1)
    estimate = -tf.reduce_mean(flow.log_prob(x))
    again = -tf.reduce_mean(flow.distribution.log_prob(flow.sample(20_000, seed=2)))
    assert abs(float(estimate - again)) < 0.05


def test_one_chain_of_hmc_has_the_flows_moments(flow):
    kernel = tfp.mcmc.HamiltonianMonteCarlo(flow.distribution.log_prob, 0.3, num_leapfrog_steps=3)

    @tf.function
    def chain():
        return tfp.mcmc.sample_chain(
            800,
            current_state=tf.zeros(2),
            kernel=kernel,
            num_burnin_steps=100,
            trace_fn=None,
            seed=(1, 2),
        )

    states = chain().numpy()
    exact = flow.sample(20_000, seed=0).numpy()
    assert states.shape == (800, 2)
    np.testing.assert_allclose(states.mean(axis=0), exact.mean(axis=0), atol=0.4)


def test_neural_transport(flow):
    """HMC in the noise's space: the flow's bijector straightens the target."""
    inner = tfp.mcmc.HamiltonianMonteCarlo(flow.distribution.log_prob, 0.5, num_leapfrog_steps=3)
    kernel = tfp.mcmc.TransformedTransitionKernel(inner, flow.distribution.bijector)

    @tf.function
    def chain():
        return tfp.mcmc.sample_chain(
            300,
            current_state=tf.constant(X2[0]),
            kernel=kernel,
            trace_fn=lambda _, results: results.inner_results.is_accepted,
            seed=(1, 2),
        )

    states, accepted = chain()
    assert states.shape == [300, 2]
    assert np.isfinite(states).all()
    assert tf.reduce_mean(tf.cast(accepted, tf.float32)) > 0.7  # the noise is standard normal


@pytest.mark.slow
def test_a_surrogate_posterior():
    """A coupling flow, whose forward map is one pass, fitted to a known target by VI."""
    target = tfd.MultivariateNormalTriL([1.0, -0.5], [[0.7, 0.0], [0.6, 0.5]])
    flow = tfp_maf.build_realnvp(2, num_layers=4, hidden_units=(16,), batch_norm=False)
    losses = tfp.vi.fit_surrogate_posterior(
        target.log_prob,
        flow.distribution,
        num_steps=250,
        optimizer=tf_keras.optimizers.Adam(2e-2),
        sample_size=16,
        seed=(1, 2),
    )
    assert float(tf.reduce_mean(losses[-20:])) < 0.15  # the divergence, zero at best
    np.testing.assert_allclose(flow.sample(5000, seed=1).numpy().mean(axis=0), [1, -0.5], atol=0.15)


def test_a_keras_layer_gives_the_distribution():
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(8,), condition_size=3)
    given = tfpl.DistributionLambda(flow.given)
    inputs = tf_keras.Input([4])
    model = tf_keras.Model(inputs, given(tf_keras.layers.Dense(3)(inputs)))
    model.compile(
        tf_keras.optimizers.Adam(1e-2), loss=lambda y, distribution: -distribution.log_prob(y)
    )
    c = np.random.default_rng(0).normal(size=[300, 4]).astype(np.float32)
    y = c[:, :2] + 0.1 * np.random.default_rng(1).normal(size=[300, 2]).astype(np.float32)
    history = model.fit(c, y, epochs=15, verbose=0).history["loss"]
    assert history[-1] < history[0] - 0.5


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_an_embedding_network_trains_with_the_flow(run_eagerly):
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(8,), condition_size=3)

    class Posterior(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding, self.flow = tf_keras.layers.Dense(3), flow

        def call(self, inputs):
            x, observed = inputs
            return -self.flow.log_prob(x, self.embedding(observed))

    model = Posterior()
    model.compile(
        tf_keras.optimizers.Adam(1e-2), loss=lambda _, loss: loss, run_eagerly=run_eagerly
    )
    rng = np.random.default_rng(0)
    observed = rng.normal(size=[200, 4]).astype(np.float32)
    x = (observed[:, :2] + 0.1 * rng.normal(size=[200, 2])).astype(np.float32)
    model.fit([x, observed], x, epochs=1, verbose=0)
    before = model.embedding.kernel.numpy()
    model.fit([x, observed], x, epochs=1, verbose=0)
    assert np.abs(model.embedding.kernel.numpy() - before).max() > 1e-3
    assert len(model.trainable_variables) == 2 + len(flow.trainable_variables)


def test_a_keras_3_layer_says_that_it_trains_nothing(flow):
    import keras

    class Layer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.flow = flow

        def call(self, x):
            return self.flow.log_prob(x)

    with pytest.warns(UserWarning, match="Keras 3 layer .* use a tf_keras layer"):
        Layer()(tf.constant(X2[:3]))


def test_every_model_is_in_the_catalogue():
    assert {model.builder for model in REPRODUCED.values()} == {
        name for name in tfp_maf.__all__ if name.startswith("build_")
    }
