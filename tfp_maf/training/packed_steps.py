"""Steps of Adam on a flow's packed weights, many in one loop compiled by XLA.

No variable is read or written between the first step and the last. Flows of the same architecture
share the compiled loop, since weights, moments, rates and penalties are its arguments.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tf_keras

from tfp_maf.training.distributed import Workers
from tfp_maf.training.objective import (
    StepSettings,
    mean,
    penalised,
    schedule_of,
    split_weights,
)
from tfp_maf.utils.garbage import paused_collector
from tfp_maf.xla.packing import Packing

if TYPE_CHECKING:
    from tfp_maf.flows.flow import Flow

# Weights, first and second moments, packed.
State = tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]


class PackedSteps:
    """Steps through :mod:`tfp_maf.xla.program`: few large tensors, no zero blocks."""

    def __init__(
        self,
        flow: Flow,
        optimizer: tf_keras.optimizers.Adam,
        settings: StepSettings,
        *,
        workers: Workers,
    ):
        assert flow.compiled is not None
        self.optimizer, self.dtype, self.workers = optimizer, flow.dtype, workers
        compiled = flow.compiled
        self.packing = compiled.packing
        if workers.count > 1:  # messages between workers stay out of loops
            self.packing = Packing(compiled.program.unrolled, compiled.variables)
        self.l2 = tf.constant(settings.l2, flow.dtype)
        variables = list(flow.trainable_variables)
        places = {variable.ref(): i for i, variable in enumerate(variables)}
        order = [places[variable.ref()] for variable in self.packing.trained]
        self.homes = [
            [values[i] for i in order]
            for values in (variables, optimizer._momentums, optimizer._velocities)
        ]
        self.state: State | None = None

        def make() -> Any:
            return compile_steps(self.packing, optimizer, settings, workers)

        if workers.count > 1:
            self._steps = make()
        else:
            key = ("steps", settings.batch_size, settings.is_weighted, adams_key(optimizer))
            self._steps = compiled.shared(key, make)

    def run(self, rows: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
        """See :class:`tfp_maf.training.steps.Steps`."""
        with paused_collector():  # the first call traces and compiles
            if self.state is None:
                weights, first, second = map(self.packing.pack, self.homes)
                self.state = weights, first, second
            optimizer = self.optimizer
            rate = tf.zeros([], self.dtype)
            if schedule_of(optimizer) is None:
                rate = tf.cast(optimizer.learning_rate.read_value(), self.dtype)
            clip = tf.constant(optimizer.global_clipnorm or 0.0, self.dtype)
            done = tf.cast(optimizer.iterations, tf.int32)
            total, bad_step, self.state = self._steps(
                rows, tf.constant(count), self.state, rate, done, self.l2, clip
            )
        optimizer.iterations.assign_add(count)
        return total, bad_step

    def store(self) -> None:
        """Write weights and moments to the variables."""
        if self.state is None:
            return
        for home, packed in zip(self.homes, self.state, strict=True):
            for variable, value in zip(home, self.packing.unpack(packed), strict=True):
                # Takes a third of the time of variable.assign.
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def adams_key(optimizer: tf_keras.optimizers.Adam) -> str:
    """Return the settings of an optimizer that are compiled into a step, as a key."""
    schedule = schedule_of(optimizer)
    values = [optimizer.beta_1, optimizer.beta_2, optimizer.epsilon]
    values.append(optimizer.global_clipnorm is not None)
    if schedule is not None:
        values.append(tf_keras.optimizers.schedules.serialize(schedule))
    return json.dumps(values, default=str)


def compile_steps(
    packing: Packing,
    optimizer: tf_keras.optimizers.Adam,
    settings: StepSettings,
    workers: Workers,
) -> Any:
    """Return the compiled function of rows, count, state, rate, steps done, l2 and clip norm.

    It holds no variable of any flow.
    """
    program, masks = packing.program, packing.masks
    gammas, constraints = packing.are_gammas, packing.constraints
    batch_size, is_weighted = settings.batch_size, settings.is_weighted
    share = batch_size // workers.count
    betas, epsilon = (optimizer.beta_1, optimizer.beta_2), optimizer.epsilon
    clips, schedule = optimizer.global_clipnorm is not None, schedule_of(optimizer)

    @tf.autograph.experimental.do_not_convert  # it has no loop of its own, and takes a second
    def take_step(
        batch: tf.Tensor, state: State, count: tf.Tensor, rate: tf.Tensor, l2: Any, clip: Any
    ) -> Any:
        batch, row_weights = split_weights(batch, is_weighted=is_weighted)
        weights = list(state[0])
        with tf.GradientTape() as tape:
            tape.watch(weights)
            log_prob = mean(program.log_prob(batch, weights), row_weights)
            loss = -log_prob
        log_prob, *slopes = workers.mean([log_prob, *tape.gradient(loss, weights)])
        gradients = [
            penalised(slope, weight, mask, l2=l2, is_gamma=is_gamma)
            for slope, weight, mask, is_gamma in zip(slopes, weights, masks, gammas, strict=True)
        ]
        if clips:
            gradients, _ = tf.clip_by_global_norm(gradients, clip)
        weights, first, second = adam(
            state, gradients, betas=betas, epsilon=epsilon, rate=rate, count=count
        )
        weights = [
            constraint(weight) if constraint else weight
            for weight, constraint in zip(weights, constraints, strict=True)
        ]
        return log_prob, (weights, first, second)

    @tf.function(jit_compile=workers.count == 1, reduce_retracing=True)
    def steps(
        rows: tf.Tensor,
        stop: tf.Tensor,
        state: State,
        rate: tf.Tensor,
        done: tf.Tensor,
        l2: tf.Tensor,
        clip: tf.Tensor,
    ) -> Any:
        total, bad_step, step = tf.zeros([], rows.dtype), -1, tf.constant(0)
        while step < stop:
            first = step * batch_size + workers.index * share
            batch = tf.slice(rows, [first, 0], [share, rows.shape[1]])
            count = tf.cast(done + step + 1, rows.dtype)
            if schedule is not None:
                rate = tf.cast(schedule(done + step), rows.dtype)
            log_prob, state = workers.run(take_step, batch, state, count, rate, l2, clip)
            if bad_step < 0 and not tf.math.is_finite(log_prob):
                bad_step = step
            total += log_prob
            step += 1
        return total, bad_step, state

    return steps


def adam(
    state: State,
    gradients: Sequence[tf.Tensor],
    *,
    betas: tuple[float, float],
    epsilon: float,
    rate: tf.Tensor,
    count: tf.Tensor,
) -> State:
    """Take step ``count`` of Adam (Kingma and Ba 2015, end of section 2), as tf_keras does."""
    weights, first, second = state
    beta_1, beta_2 = betas
    # tf_keras rounds the betas to float32 here, and here only.
    power_1, power_2 = (tf.cast(beta, count.dtype) ** count for beta in betas)
    rate = rate * tf.sqrt(1 - power_2) / (1 - power_1)
    first = [m + (1 - beta_1) * (g - m) for m, g in zip(first, gradients, strict=True)]
    second = [v + (1 - beta_2) * (g**2 - v) for v, g in zip(second, gradients, strict=True)]
    weights = [
        w - rate * m / (tf.sqrt(v) + epsilon)
        for w, m, v in zip(weights, first, second, strict=True)
    ]
    return weights, first, second
