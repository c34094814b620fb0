"""Packed training steps against the plain ones."""

import timeit

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from affine_flows import shaken
from rows import chain_rows

import tfp_maf
from tfp_maf.training.distributed import Workers
from tfp_maf.training.objective import StepSettings
from tfp_maf.training.packed_steps import PackedSteps
from tfp_maf.training.steps import PlainSteps

ROWS, _ = chain_rows(400, 5, seed=1)
BATCH = 40


def run_steps(way, flow, optimizer, rows, *, first, stop, l2=1e-2, weighted=False):
    """The sum of the log-likelihoods of these steps, and the first that is not finite."""
    settings = StepSettings(BATCH, l2, is_weighted=weighted, jit_compile=way == "packed")
    optimizer.build(flow.trainable_variables)
    if way == "packed":
        steps = PackedSteps(flow, optimizer, settings, workers=Workers())
    else:
        steps = PlainSteps(flow, optimizer, settings)
    result = steps.run(tf.constant(rows[first * BATCH :], flow.dtype), stop - first)
    steps.store()
    return result


def after_steps(way, *, clip_norm=None, stop=10, rate=3e-3, rows=ROWS, **options):
    flow = shaken(**options)
    optimizer = tf_keras.optimizers.Adam(rate, global_clipnorm=clip_norm, jit_compile=False)
    weighted = rows.shape[1] > 5
    results = [run_steps(way, flow, optimizer, rows, first=0, stop=3, weighted=weighted)]
    if isinstance(rate, float):
        optimizer.learning_rate.assign(1e-3)
    results.append(run_steps(way, flow, optimizer, rows, first=3, stop=stop, weighted=weighted))
    return flow, optimizer, [float(total) for total, _ in results]


@pytest.mark.slow
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
    packing = flow.compiled.packing
    packed = packing.pack(packing.trained)
    assert len(packed) < len(packing.trained)
    masked = sum(np.size(mask) for mask in flow.masks.values())
    stored = sum(int(tf.size(part)) for part in packed)
    whole = sum(int(tf.size(v)) for v in packing.trained)
    assert stored < whole - 0.3 * masked
    for variable, back in zip(packing.trained, packing.unpack(packed), strict=True):
        np.testing.assert_array_equal(back, variable)


def test_a_loss_that_is_not_finite_is_found():
    flow = shaken(dtype="float32", batch_norm=False)
    optimizer = tf_keras.optimizers.Adam(1e-3, jit_compile=False)
    rows = ROWS.copy()
    rows[2 * BATCH] = np.inf
    _, bad_step = run_steps("packed", flow, optimizer, rows, first=0, stop=5, l2=0.0)
    assert bad_step == 2


@pytest.mark.slow
def test_a_schedule_is_followed():
    rate = tf_keras.optimizers.schedules.PiecewiseConstantDecay([4], [3e-3, 1e-4])
    plain, _, _ = after_steps("plain", rate=rate)
    packed, _, _ = after_steps("packed", rate=rate)
    for one, other in zip(packed.trainable_variables, plain.trainable_variables, strict=True):
        if "bias" not in one.name:
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_rows_are_weighted():
    weights = np.random.default_rng(0).exponential(size=[len(ROWS), 1])
    rows = np.concatenate([ROWS, weights / weights.mean()], axis=1)
    plain, _, sums = after_steps("plain", rows=rows)
    packed, _, packed_sums = after_steps("packed", rows=rows)
    np.testing.assert_allclose(packed_sums, sums, rtol=1e-9)
    assert np.abs(np.subtract(sums, after_steps("plain")[2])).max() > 1e-2


def test_the_end_of_an_epoch_is_quick():
    """Epochs of few rows took three times as long when packing was made of TensorFlow's ops."""
    flow = tfp_maf.build_maf(5, num_layers=10, hidden_units=[50, 50])
    optimizer = tf_keras.optimizers.Adam(1e-3, jit_compile=False)
    optimizer.build(flow.trainable_variables)
    steps = PackedSteps(flow, optimizer, StepSettings(BATCH, 0.0), workers=Workers())
    steps.run(tf.constant(ROWS, tf.float32), 2)
    homes = steps.homes
    values = [[variable.numpy() for variable in variables] for variables in homes]

    def assign():
        for variables, arrays in zip(homes, values, strict=True):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)

    storing, assigning, looking, reading = (
        min(timeit.repeat(each, number=1, repeat=7))
        for each in (
            steps.store,
            assign,
            lambda: tf.Module.variables.fget(flow),
            lambda: flow.variables,
        )
    )
    assert storing < assigning
    assert reading < 0.1 * looking
