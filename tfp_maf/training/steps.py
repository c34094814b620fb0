"""Training steps, many in one call: through TFP's layers, or packed for XLA.

Both minimise ``-mean log p(x) + l2/2 * sum of squared parameters``. Plain steps take any
optimizer; packed steps (:mod:`tfp_maf.training.packed_steps`) are for Adam, and are compared with
plain ones in ``tests/xla/test_steps.py``.
"""

from __future__ import annotations

from typing import Any, Protocol

import tensorflow as tf
import tf_keras

from tfp_maf.flows.flow import Flow
from tfp_maf.training.distributed import Workers
from tfp_maf.training.objective import StepSettings, mean, penalised, split_weights

try:
    from tfp_maf.training.packed_steps import PackedSteps
except ModuleNotFoundError as error:
    # Without the folder xla/ training is slower, but otherwise the same.
    if not (error.name or "").startswith("tfp_maf.xla"):
        raise
    PackedSteps = None  # type: ignore[assignment, misc]


class Steps(Protocol):
    """Training steps that keep their state between calls."""

    def run(self, rows: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Take ``count`` steps on consecutive batches of ``rows``.

        Args:
            rows: ``[S * batch_size, W]``; those after the last batch are padding.
            count: number of steps.

        Returns:
            The sum of the batches' mean log-likelihoods, and the first step whose loss is not
            finite, or -1.
        """

    def store(self) -> None:
        """Write weights and moments to the flow's and the optimizer's variables."""


def make_steps(
    flow: Flow,
    optimizer: tf_keras.optimizers.Optimizer,
    settings: StepSettings,
    *,
    workers: Workers,
) -> Steps:
    """Return the fastest steps that can train this flow by this optimizer.

    Args:
        flow: to be trained.
        optimizer: any tf_keras optimizer.
        settings: of the steps.
        workers: that share each batch; several take packed steps, not compiled, as XLA has no
            messages between CPUs.

    Raises:
        ValueError: If several workers train a flow that has no packed steps, by an optimizer other
            than Adam, or with a batch that can't be shared.
    """
    optimizer.build(flow.trainable_variables)
    is_packed = PackedSteps is not None and flow.compiled is not None and is_plain_adam(optimizer)
    if workers.count > 1 and not is_packed:
        raise ValueError(f"{flow.builder} can't be trained by several workers with this optimizer")
    if settings.batch_size % workers.count:
        raise ValueError(
            f"batch_size={settings.batch_size} can't be shared by {workers.count} workers: give a "
            f"multiple of {workers.count}"
        )
    if is_packed and (settings.jit_compile or workers.count > 1):
        return PackedSteps(flow, optimizer, settings, workers=workers)
    return PlainSteps(flow, optimizer, settings)


def is_plain_adam(optimizer: tf_keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer is Adam with none of its options but ``global_clipnorm``."""
    return (
        type(optimizer) is tf_keras.optimizers.Adam
        and not optimizer.amsgrad
        and not optimizer.use_ema
        and optimizer.weight_decay is None
        and optimizer.clipnorm is None
        and optimizer.clipvalue is None
    )


def rows_at_once(batch_size: int, most: int | None) -> int:
    """Return the largest divisor of a batch's size that is at most ``most``; None is no limit.

    A GPU takes a batch at once, as it is idle between small passes.
    """
    if most is None or tf.config.list_physical_devices("GPU"):
        return batch_size
    return max(n for n in range(1, min(batch_size, most) + 1) if batch_size % n == 0)


class PlainSteps:
    """Steps through TFP's layers, one variable after the other.

    A batch's gradient is the mean of those of a few rows at a time, where the flow asks for it by
    ``gradient_rows``.
    """

    def __init__(
        self, flow: Flow, optimizer: tf_keras.optimizers.Optimizer, settings: StepSettings
    ):
        variables = flow.trainable_variables
        masks = [flow.masks.get(v.ref()) for v in variables]
        masks = [None if mask is None else tf.constant(mask, flow.dtype) for mask in masks]
        batch_size, l2 = settings.batch_size, settings.l2
        at_once = rows_at_once(batch_size, flow.gradient_rows)

        def gradients_of(rows: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
            rows, weights = split_weights(rows, is_weighted=settings.is_weighted)
            with tf.GradientTape() as tape:
                of_rows = flow.tfp_log_prob(rows, training=True, step=optimizer.iterations)
                log_prob = mean(of_rows, weights)
                loss = -log_prob
            return log_prob, tape.gradient(loss, variables)

        def mean_gradients(batch: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
            log_prob, gradients = tf.zeros([], flow.dtype), [tf.zeros_like(v) for v in variables]
            first, share = tf.constant(0), at_once / batch_size
            while first < batch_size:
                rows = tf.slice(batch, [first, 0], [at_once, batch.shape[1]])
                of_rows, slopes = gradients_of(rows)
                log_prob += share * of_rows
                gradients = [g + share * d for g, d in zip(gradients, slopes, strict=True)]
                first += at_once
            return log_prob, gradients

        @tf.function(jit_compile=settings.jit_compile, reduce_retracing=True)
        def run_steps(rows: tf.Tensor, count: tf.Tensor) -> Any:
            total, bad_step, step = tf.zeros([], flow.dtype), -1, tf.constant(0)
            while step < count:
                batch = tf.slice(rows, [step * batch_size, 0], [batch_size, rows.shape[1]])
                if at_once == batch_size:
                    log_prob, gradients = gradients_of(batch)
                else:
                    log_prob, gradients = mean_gradients(batch)
                gradients = [
                    penalised(gradient, v, mask, l2=l2, is_gamma=v.ref() in flow.gammas)
                    for gradient, v, mask in zip(gradients, variables, masks, strict=True)
                ]
                optimizer.apply_gradients(zip(gradients, variables, strict=True))
                if bad_step < 0 and not tf.math.is_finite(log_prob):
                    bad_step = step
                total += log_prob
                step += 1
            return total, bad_step

        self._run_steps = run_steps

    def run(self, rows: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
        """See :class:`Steps`."""
        return self._run_steps(rows, tf.constant(count))

    def store(self) -> None:
        """Do nothing: each step writes the variables."""
