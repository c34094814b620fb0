"""The written-out arithmetic against TFP's bijectors."""

import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from affine_flows import OPTIONS, shaken
from rows import chain_rows, jacobian

import tfp_maf
from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.flows.flow import Flow
from tfp_maf.xla import block_sparse, compiled

tfb = tfp.bijectors

ROWS, _ = chain_rows(64, 5, seed=0)


def ours(flow, x, *, training=False):
    """The program's log-likelihood with the flow's weights."""
    packing = flow.compiled.packing
    statistics = None if training else packing.pack_statistics(packing.statistics)
    return flow.compiled.program.log_prob(x, packing.pack(packing.trained), statistics)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("training", [False, True])
def test_log_prob_and_its_gradients_are_those_of_tfps_bijectors(options, training):
    flow = shaken(**options)
    x = tf.constant(ROWS, tf.float64)
    theirs = flow.training_distribution if training else flow.distribution
    packing = flow.compiled.packing
    statistics = None if training else packing.pack_statistics(packing.statistics)
    weighting = np.linspace(0.5, 2.0, len(ROWS))  # in a mean, a wrong gradient may cancel
    with tf.GradientTape() as tape:
        log_prob = theirs.log_prob(x)
        weighted = tf.reduce_sum(log_prob * weighting)
    gradients = tape.gradient(weighted, packing.trained)
    packed = packing.pack(packing.trained)
    with tf.GradientTape() as tape:
        tape.watch(packed)
        own = flow.compiled.program.log_prob(x, packed, statistics)
        weighted = tf.reduce_sum(own * weighting)
    unpacked = packing.unpack(tape.gradient(weighted, packed))
    masks = [flow.masks.get(v.ref(), 1.0) for v in packing.trained]
    ours, theirs = (
        [gradient * mask for gradient, mask in zip(each, masks, strict=True)]
        for each in (unpacked, gradients)
    )
    for one, other in zip([own, *ours], [log_prob, *theirs], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10 * max(1, np.abs(other).max()))


@pytest.mark.parametrize("options", OPTIONS)
def test_each_layer_is_its_bijector(options):
    flow = shaken(**options)
    x = tf.constant(ROWS, tf.float64)
    for i, bijector in enumerate(flow.bijectors):
        expected = bijector.inverse(tf.identity(x))
        np.testing.assert_allclose(flow.layers_noise(i, i + 1, x.numpy()), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "expected"),  # layers of head, body and tail, and repeats
    [
        ({"num_layers": 5}, (0, 3, 5, 1)),
        ({"num_layers": 5, "order": "post"}, (0, 3, 5, 1)),
        ({"num_layers": 5, "batch_norm": False}, (0, 2, 5, 1)),
        ({"num_layers": 5, "permute": False}, (0, 2, 5, 0)),
        ({"num_layers": 1}, (0, 0, 0, 2)),
    ],
)
def test_equal_layers_are_one_body(options, expected):
    program = shaken(**options).compiled.program
    found = (len(program.head), len(program.body), program.repeats, len(program.tail))
    assert found == expected


def optimized(function, *arguments):
    """What XLA makes of a function, as text."""
    whole = tf.function(function, jit_compile=True)
    return whole.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu"])
def test_the_way_back_multiplies_no_matrices_again(activation):
    """A step took a quarter more when it did."""
    flow = tfp_maf.build_maf(5, num_layers=4, hidden_units=[20, 30], activation=activation)
    program, packing = flow.compiled.program, flow.compiled.packing
    weights = packing.pack(packing.trained)
    x = tf.zeros([16, 5])

    def gradients(x, *weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            total = tf.reduce_sum(program.log_prob(x, weights))
        return tape.gradient(total, weights)

    text = optimized(gradients, x, *weights)
    products = re.findall(r"f32\[\d+,\d+\]\S* dot\(", text)
    assert len(products) == 3 + 2 * 3  # there, and back to inputs and kernels
    if activation == "tanh":  # its slope is known from what was kept
        assert len(re.findall(r"f32\[16,20\]\S* tanh\(", text)) == 1


def test_a_density_without_a_gradient_keeps_nothing():
    flow = tfp_maf.build_maf(5, num_layers=4, hidden_units=[20, 30])
    packing = flow.compiled.packing
    weights = packing.pack(packing.trained)
    statistics = packing.pack_statistics(packing.statistics)
    text = optimized(
        lambda x: flow.compiled.program.log_prob(x, weights, statistics), tf.zeros([16, 5])
    )
    assert "dot(" in text and "f32[4,20,30]" in text  # stacked kernels
    assert "f32[4,16," not in text


def test_real_nvp_repeats_two_couplings():
    flow = tfp_maf.build_realnvp(5, num_layers=6, hidden_units=[4])
    program = flow.compiled.program
    assert (len(program.head), len(program.body), program.repeats) == (1, 4, 3)


def test_flows_of_one_architecture_share_what_is_compiled_but_not_weights():
    flows = [tfp_maf.build_maf(5, num_layers=2, hidden_units=[7], seed=seed) for seed in (1, 2)]
    first = flows[0].log_prob(ROWS)
    before = len(compiled._shared)
    second = flows[1].log_prob(ROWS)
    assert len(compiled._shared) == before
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(second, flows[1].distribution.log_prob(ROWS), rtol=1e-5)


def test_scores_follow_a_variable_that_is_assigned():
    flow = shaken(dtype="float32")
    before = flow.log_prob(ROWS).numpy()
    kernel = flow.trainable_variables[0]
    kernel.assign(kernel * 1.5)
    assert np.abs(flow.log_prob(ROWS) - before).max() > 1e-3
    np.testing.assert_allclose(flow.log_prob(ROWS), flow.distribution.log_prob(ROWS), rtol=1e-4)


def test_log_det_is_the_jacobians():
    flow = shaken(batch_norm=False)
    x = tf.constant(ROWS[:4], tf.float64)
    slogdet = np.linalg.slogdet(jacobian(flow.distribution.bijector.inverse, x))[1]
    normal = -0.5 * (flow.noise(x).numpy() ** 2).sum(axis=1) - 2.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(ours(flow, x), normal + slogdet, atol=1e-10)


def plain_network():
    return tfb.AutoregressiveNetwork(params=2, event_shape=[5], hidden_units=[8])


UNKNOWN = [
    tfb.Tanh,
    lambda: tfb.MaskedAutoregressiveFlow(plain_network()),
    lambda: BatchNormalization(tf_keras.layers.BatchNormalization(center=False)),
]


@pytest.mark.parametrize("make", UNKNOWN)
def test_a_bijector_it_does_not_know_goes_through_tfp(make):
    bijector = make()
    bijector.inverse(ROWS[:2])  # builds it
    flow = shaken(dtype="float32")
    flow = Flow(5, [*flow.bijectors, bijector], builder="-", arguments={}, masks=flow.masks)
    assert flow.compiled is None
    x = ROWS[:10] / 10
    np.testing.assert_allclose(flow.log_prob(x), flow.distribution.log_prob(x), rtol=1e-5)
    assert flow.sample(7, seed=0).shape == [7, 5]
    tfp_maf.set_batch_statistics(flow, x)


def test_batch_normalisation_with_another_epsilon_and_any_permutation():
    norm = tf_keras.layers.BatchNormalization(epsilon=0.5, dtype="float64")
    norm.build([None, 5])
    norm.moving_variance.assign([0.1, 0.2, 0.3, 0.4, 0.5])
    norm.gamma.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    bijectors = [BatchNormalization(norm, training=False), tfb.Permute([2, 0, 3, 4, 1])]
    flow = Flow(5, bijectors, builder="-", arguments={}, masks={}, dtype="float64")
    x = ROWS.astype(float)
    for one, training in [(flow.distribution, False), (flow.training_distribution, True)]:
        found = ours(flow, tf.constant(x), training=training)
        np.testing.assert_allclose(found, one.log_prob(x), atol=1e-10)
    forward = flow.distribution.bijector.forward(x)
    np.testing.assert_allclose(flow.compiled.data(x), forward, atol=1e-10)


@pytest.mark.parametrize("params", [1, 2])
def test_blocks_multiply_without_the_zeros(params):
    degrees_in, degrees_out = np.sort(np.arange(300) % 90), np.sort(np.arange(256) % 89)
    mask = np.repeat(degrees_in[:, None] <= degrees_out[None, :], params, axis=1)
    cut = block_sparse.Blocks(mask, params=params)
    rng = np.random.default_rng(0)
    kernel, x = rng.normal(size=mask.shape) * mask, rng.normal(size=[7, 300])
    parts = list(map(tf.constant, cut.split(kernel)))
    assert len(parts) == 4
    assert sum(int(tf.size(part)) for part in parts) < 0.7 * mask.size
    np.testing.assert_array_equal(cut.join(parts), kernel)
    product = cut.matmul(tf.constant(x), parts).numpy().reshape(7, params, 256)
    np.testing.assert_allclose(product, (x @ kernel).reshape(7, 256, params).transpose(0, 2, 1))
    bias = rng.normal(size=mask.shape[1])
    np.testing.assert_array_equal(cut.ungroup(tf.constant(cut.group(bias))), bias)


def test_small_kernels_stay_whole():
    mask = np.triu(np.ones([100, 100]))
    assert len(block_sparse.Blocks(mask).split(mask)) == 1
