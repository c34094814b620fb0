"""Many training steps in one call: as TFP's layers take them, and packed for XLA.

Both minimise ``-mean log p(x) + l2/2 * sum of squared parameters`` with Adam, and keep their
state in the flow's variables and the optimizer's. ``tests/xla/test_steps.py`` holds the packed
way against the plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.flows.flow import Flow
from tfp_maf.training.distributed import Workers
from tfp_maf.training.packing import Packing
from tfp_maf.xla.program import FlowProgram

# (rows [N, D + C], start, stop) to the sum of the batches' mean log-likelihoods, and the
# first step whose loss is not finite, or -1.
RunSteps = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

ALONE = Workers()

# Weights, first and second moments, packed.
State = tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]


def compile_steps(
    flow: Flow,
    optimizer: tf_keras.optimizers.Adam,
    batch_size: int,
    *,
    l2: float,
    jit_compile: bool,
    workers: Workers,
) -> RunSteps:
    """A function that takes the steps ``start..stop`` of an epoch in one call.

    Args:
        flow: to be trained.
        optimizer: Adam, with or without ``global_clipnorm`` and with none of its other options.
        batch_size: rows a step.
        l2: weight of the penalty.
        jit_compile: whether XLA compiles the steps, packed where the flow allows it.
        workers: that share each batch; several take packed steps, not compiled, as XLA has no
            messages between CPUs.

    Raises:
        ValueError: several workers, and a flow that has no packed steps or a batch that can't be
            shared.
    """
    optimizer.build(flow.trainable_variables)
    if workers.count > 1 and flow.program is None:
        raise ValueError(f"{flow.builder} can't be trained by several workers")
    if batch_size % workers.count:
        raise ValueError(
            f"batch_size={batch_size} can't be shared by {workers.count} workers: give a "
            f"multiple of {workers.count}"
        )
    if flow.program is not None and (jit_compile or workers.count > 1):
        return packed_steps(
            flow, flow.program, optimizer, batch_size=batch_size, l2=l2, workers=workers
        )
    return plain_steps(flow, optimizer, batch_size, l2=l2, jit_compile=jit_compile)


def plain_steps(
    flow: Flow,
    optimizer: tf_keras.optimizers.Adam,
    batch_size: int,
    *,
    l2: float,
    jit_compile: bool,
) -> RunSteps:
    """Through TFP's layers, one variable after the other."""
    variables = flow.trainable_variables
    masks = [flow.masks.get(v.ref()) for v in variables]
    masks = [None if mask is None else tf.constant(mask, flow.dtype) for mask in masks]

    @tf.function(jit_compile=jit_compile, reduce_retracing=True)
    def run_steps(rows: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> Any:
        total, bad_step, step = tf.zeros([], flow.dtype), -1, start
        while step < stop:
            batch = tf.slice(rows, [step * batch_size, 0], [batch_size, rows.shape[1]])
            with tf.GradientTape() as tape:
                log_prob = tf.reduce_mean(flow.tfp_log_prob(batch, training=True))
                loss = -log_prob
            gradients = [
                penalised(gradient, v, mask, l2=l2, is_gamma=v.ref() in flow.gammas)
                for gradient, v, mask in zip(
                    tape.gradient(loss, variables), variables, masks, strict=True
                )
            ]
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
            if bad_step < 0 and not tf.math.is_finite(loss):
                bad_step = step
            total += log_prob
            step += 1
        return total, bad_step

    return run_steps


def packed_steps(
    flow: Flow,
    stack: FlowProgram,
    optimizer: tf_keras.optimizers.Adam,
    *,
    batch_size: int,
    l2: float,
    workers: Workers = ALONE,
) -> RunSteps:
    """Through :mod:`tfp_maf.xla.program`: few large tensors, no zero blocks, no variable touched
    between the first step and the last."""
    share = batch_size // workers.count
    variables = flow.trainable_variables
    # Gammas have a penalty and a constraint of their own. The kernels' masks are constraints
    # as well, met by masked gradients.
    constraints = [v.constraint if v.ref() in flow.gammas else None for v in variables]
    is_gamma = [v.ref() in flow.gammas for v in variables]
    packing = Packing(stack.parts, variables, apart=list(zip(is_gamma, constraints, strict=True)))
    ones = [flow.masks.get(v.ref(), np.ones(v.shape)) for v in variables]
    masks = packing.pack([tf.constant(mask, flow.dtype) for mask in ones])
    masks = [None if tf.reduce_all(mask == 1) else shared(mask) for mask in masks]

    def take_step(batch: tf.Tensor, state: State, count: tf.Tensor, rate: tf.Tensor) -> Any:
        weights, first, second = state
        with tf.GradientTape() as tape:
            tape.watch(weights)
            values = packing.values(weights)
            log_prob = tf.reduce_mean(stack.log_prob(batch, values, training=True))
            loss = -log_prob
        log_prob, *slopes = workers.mean([log_prob, *tape.gradient(loss, weights)])
        gradients = [
            penalised(slope, weight, mask, l2=l2, is_gamma=gamma)
            for slope, weight, mask, (gamma, _) in zip(
                slopes, weights, masks, packing.reasons, strict=True
            )
        ]
        if optimizer.global_clipnorm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, optimizer.global_clipnorm)
        weights, first, second = adam(optimizer, state, gradients, rate=rate, count=count)
        weights = [
            constraint(weight) if constraint else weight
            for weight, (_, constraint) in zip(weights, packing.reasons, strict=True)
        ]
        return log_prob, (weights, first, second)

    @tf.function(jit_compile=workers.count == 1, reduce_retracing=True)
    def compiled(
        rows: tf.Tensor, start: tf.Tensor, stop: tf.Tensor, state: State, rate: tf.Tensor, done: Any
    ) -> Any:
        total, bad_step, step = tf.zeros([], flow.dtype), -1, start
        while step < stop:
            first = step * batch_size + workers.index * share
            batch = tf.slice(rows, [first, 0], [share, rows.shape[1]])
            count = tf.cast(done + step - start + 1, flow.dtype)
            log_prob, state = workers.run(take_step, batch, state, count, rate)
            if bad_step < 0 and not tf.math.is_finite(log_prob):
                bad_step = step
            total += log_prob
            step += 1
        return total, bad_step, state

    homes = [variables, optimizer._momentums, optimizer._velocities]

    @tf.function(reduce_retracing=True)
    def run_steps(rows: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> Any:
        # Packed outside of the compiled part, whose time to compile it would double.
        state = tuple(packing.pack(home) for home in homes)
        rate = tf.cast(optimizer.learning_rate.read_value(), flow.dtype)
        done = tf.cast(optimizer.iterations, tf.int32)
        total, bad_step, state = compiled(rows, start, stop, state, rate, done)
        for home, stacks in zip(homes, state, strict=True):
            for variable, value in zip(home, packing.unpack(stacks), strict=True):
                variable.assign(value)
        optimizer.iterations.assign_add(tf.cast(stop - start, tf.int64))
        return total, bad_step

    return run_steps


def shared(masks: tf.Tensor) -> tf.Tensor:
    """A stack of equal masks as one, to be read once from memory."""
    return masks[:1] if tf.reduce_all(masks == masks[:1]) else masks


def penalised(
    gradient: tf.Tensor, weight: Any, mask: tf.Tensor | None, *, l2: float, is_gamma: bool
) -> tf.Tensor:
    """Adds the penalty's gradient; masked weights get none, before any clipping."""
    if is_gamma:  # the paper's parameter is log gamma
        return gradient + l2 * tf.math.log(weight) / weight
    return (gradient if mask is None else mask * gradient) + l2 * weight


def adam(
    optimizer: tf_keras.optimizers.Adam,
    state: State,
    gradients: Sequence[tf.Tensor],
    *,
    rate: tf.Tensor,
    count: tf.Tensor,
) -> State:
    """Step ``count`` of Adam (Kingma and Ba 2015, section 2, its last lines), as tf_keras's."""
    weights, first, second = state
    beta_1, beta_2 = optimizer.beta_1, optimizer.beta_2
    # tf_keras rounds the betas to float32 here, and here only.
    power_1, power_2 = (tf.cast(beta, count.dtype) ** count for beta in (beta_1, beta_2))
    rate = rate * tf.sqrt(1 - power_2) / (1 - power_1)
    first = [m + (1 - beta_1) * (g - m) for m, g in zip(first, gradients, strict=True)]
    second = [v + (1 - beta_2) * (g**2 - v) for v, g in zip(second, gradients, strict=True)]
    weights = [
        w - rate * m / (tf.sqrt(v) + optimizer.epsilon)
        for w, m, v in zip(weights, first, second, strict=True)
    ]
    return weights, first, second
