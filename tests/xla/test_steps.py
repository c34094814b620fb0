"""Packed training steps against the plain ones."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from affine_flows import shaken
from rows import chain_rows

import tfp_maf
from tfp_maf.training import steps
from tfp_maf.training.packing import Packing

ROWS, _ = chain_rows(400, 5, seed=1)
BATCH = 40


def after_steps(way, *, clip_norm=None, stop=10, **options):
    flow = shaken(**options)
    optimizer = tf_keras.optimizers.Adam(3e-3, global_clipnorm=clip_norm, jit_compile=False)
    optimizer.build(flow.trainable_variables)
    if way == "packed":
        run = steps.packed_steps(flow, flow.program, optimizer, batch_size=BATCH, l2=1e-2)
    else:
        run = steps.plain_steps(flow, optimizer, BATCH, l2=1e-2, jit_compile=False)
    rows = tf.constant(ROWS, flow.dtype)
    results = [run(rows, tf.constant(0), tf.constant(3))]
    optimizer.learning_rate.assign(1e-3)
    results.append(run(rows, tf.constant(3), tf.constant(stop)))
    return flow, optimizer, [float(total) for total, _ in results]


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": "post"},
        {"permute": False},
        {"batch_norm": False},
        {"hidden_units": [9], "num_layers": 1},
        {"hidden_units": [258, 256], "num_layers": 1},
    ],
)
def test_weights_moments_and_losses_are_equal(options, clip_norm):
    plain, plain_optimizer, plain_sums = after_steps("plain", clip_norm=clip_norm, **options)
    packed, packed_optimizer, packed_sums = after_steps("packed", clip_norm=clip_norm, **options)
    np.testing.assert_allclose(packed_sums, plain_sums, rtol=1e-9)
    assert packed_optimizer.iterations == plain_optimizer.iterations == 10
    compared = 0
    for one, other in [
        *zip(packed.trainable_variables, plain.trainable_variables, strict=True),
        *zip(packed_optimizer._momentums, plain_optimizer._momentums, strict=True),
        *zip(packed_optimizer._velocities, plain_optimizer._velocities, strict=True),
    ]:
        # Batch norm takes out what biases add: of their gradients' rounding errors Adam
        # makes steps of full size.
        if plain.has_batch_norm and "bias" in one.name:
            continue
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
        compared += 1
    assert compared >= 12
    started = shaken(**options)
    assert np.abs(packed.trainable_variables[0] - started.trainable_variables[0]).max() > 1e-3


def test_float32_is_equal_to_1e5():
    _, _, plain = after_steps("plain", dtype="float32")
    _, _, packed = after_steps("packed", dtype="float32")
    np.testing.assert_allclose(packed, plain, rtol=1e-5)


def test_masked_weights_stay_zero():
    flow, _, _ = after_steps("packed")
    for variable in flow.trainable_variables:
        if variable.ref() in flow.masks:
            assert not variable.numpy()[~flow.masks[variable.ref()]].any()


def test_packing_there_and_back():
    flow = tfp_maf.build_maf(300, num_layers=2, hidden_units=[256, 20])
    variables = flow.trainable_variables
    packing = Packing(
        flow.program.parts, variables, apart=[v.ref() in flow.gammas for v in variables]
    )
    stacks = packing.pack(variables)
    assert len(stacks) < len(variables)
    masked = sum(np.size(mask) for mask in flow.masks.values())
    stored = sum(int(tf.size(stack)) for stack in stacks)
    whole = sum(int(tf.size(v)) for v in variables)
    assert stored < whole - 0.3 * masked
    for variable, back in zip(variables, packing.unpack(stacks), strict=True):
        np.testing.assert_array_equal(back, variable)


def test_a_loss_that_is_not_finite_is_found():
    flow = shaken(dtype="float32", batch_norm=False)
    optimizer = tf_keras.optimizers.Adam(1e-3, jit_compile=False)
    optimizer.build(flow.trainable_variables)
    run = steps.packed_steps(flow, flow.program, optimizer, batch_size=BATCH, l2=0.0)
    rows = ROWS.copy()
    rows[2 * BATCH] = np.inf
    _, bad_step = run(tf.constant(rows), tf.constant(0), tf.constant(5))
    assert bad_step == 2
