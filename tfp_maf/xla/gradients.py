"""Operations of a flow with gradients in closed form, which take fewer operations.

Automatic differentiation gives the same numbers (``tests/xla/test_program.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_maf.networks.dense import bounded

# Takes values of a dense layer, ``[N, n]``, and returns equal ones: a loop over layers keeps them
# on the way there, and returns those kept on the way back.
Keep = Callable[[tf.Tensor], tf.Tensor]
Activation = Callable[[tf.Tensor], tf.Tensor]
# Slopes of activations, given their values.
SLOPES: dict[Activation, Callable[[tf.Tensor], tf.Tensor]] = {
    tf_keras.activations.linear: tf.ones_like,
    tf_keras.activations.tanh: lambda y: 1 - y**2,
    tf_keras.activations.relu: lambda y: tf.cast(y > 0, y.dtype),
}


def as_it_is(values: tf.Tensor) -> tf.Tensor:
    """Return the values: the :data:`Keep` that keeps nothing."""
    return values


def activate(x: tf.Tensor, activation: Activation, keep: Keep) -> tf.Tensor:
    """Return ``activation(x)``; its gradient needs what was kept only, not ``x`` again.

    Kept are the values after an activation whose slope they tell, otherwise those before.
    """

    @tf.custom_gradient
    def after(x: tf.Tensor) -> Any:
        y = keep(activation(x))
        return y, lambda dy: dy * SLOPES[activation](y)

    @tf.custom_gradient
    def before(x: tf.Tensor) -> Any:
        return keep(x), lambda dy: dy

    return after(x) if activation in SLOPES else activation(before(x))


def sum_rows(x: tf.Tensor) -> tf.Tensor:
    """Return the sum ``[n]`` over the rows of ``[N, n]``, as a product with ones.

    XLA turns a sum over rows into a tree of slow windows on CPUs; a product stays fast. On
    GPUs a product may round to TF32.
    """
    if tf.config.list_physical_devices("GPU"):
        return tf.reduce_sum(x, axis=0)
    return tf.matmul(tf.ones([1, x.shape[0]], x.dtype), x)[0]


@tf.custom_gradient
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> Any:
    """Return ``x [N, n] + bias [n]``, with the bias's gradient by :func:`sum_rows`."""
    return x + bias, lambda dy: (dy, sum_rows(dy))


@tf.custom_gradient
def normalise(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor) -> Any:
    """Normalise by the batch's own statistics, and return the log-determinant, too.

    ``u = gamma (x - m) / s + beta`` with ``s = sqrt(v + eps)``, and the gradients in closed
    form, to sum over the rows once: for ``x^ = (x - m) / s``,
    ``dx = gamma / s (du - mean(du) - x^ mean(du x^)) - dlogdet x^ / (s N)``.
    """
    n = x.shape[0]
    centred = x - sum_rows(x) / n
    reciprocal = tf.math.rsqrt(sum_rows(centred**2) / n + epsilon)
    normal = centred * reciprocal
    log_det = tf.reduce_sum(tf.math.log(gamma) + tf.math.log(reciprocal))

    def gradient(du: tf.Tensor, dlog_det: tf.Tensor) -> tuple[Any, ...]:
        dbeta, dgamma = tf.split(sum_rows(tf.concat([du, du * normal], axis=1)), 2)
        through = gamma * (du - dbeta / n - normal * dgamma / n)
        dx = reciprocal * (through - dlog_det * normal / n)
        return dx, dgamma + dlog_det / gamma, dbeta, None

    return (gamma * normal + beta, log_det), gradient


def affine(x: tf.Tensor, outputs: tf.Tensor, bound: float | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Return ``u = (x - shift) exp(-log_scale)`` and ``-log_scale``, ``[N, D]`` each.

    ``outputs [N, 2D]`` are shift and the raw ``a`` of ``log_scale = bound tanh(a / bound)``. The
    gradient in closed form takes a third of the operations: ``dshift = -dx``, and
    ``da = (dlogdet' - u du) (1 - tanh^2)``.
    """

    @tf.custom_gradient
    def forward(x: tf.Tensor, outputs: tf.Tensor) -> Any:
        shift, raw = tf.split(outputs, 2, axis=1)
        log_scale = bounded(raw, bound)
        scale = tf.exp(-log_scale)
        u = (x - shift) * scale

        def gradient(du: tf.Tensor, dlog_det: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            dx = du * scale
            draw = -dlog_det - u * du
            if bound is not None:
                draw *= 1 - (log_scale / bound) ** 2
            return dx, tf.concat([-dx, draw], axis=1)

        return (u, -log_scale), gradient

    return forward(x, outputs)


def several() -> bool:
    """Return whether more than one worker takes the current step."""
    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1


def normalise_together(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Normalise as :func:`normalise`, but by the moments of all workers' rows, ``[N, D]`` each.

    With each worker's mean ``m_w`` and variance ``v_w`` of equally many rows,
    ``m = mean(m_w)`` and ``v = mean(v_w + (m_w - m)^2)``: nothing large is subtracted.
    """
    context = tf.distribute.get_replica_context()
    own = tf.stack(tf.nn.moments(x, axes=[0]))
    gathered = context.all_gather(own[None], axis=0)  # it forgets the shape
    gathered = tf.ensure_shape(gathered, [context.num_replicas_in_sync, *own.shape])
    means, variances = tf.unstack(gathered, axis=1)
    mean = tf.reduce_mean(means, axis=0)
    variance = tf.reduce_mean(variances + (means - mean) ** 2, axis=0)
    reciprocal = tf.math.rsqrt(variance + epsilon)
    log_det = tf.reduce_sum(tf.math.log(gamma) + tf.math.log(reciprocal))
    return gamma * (x - mean) * reciprocal + beta, log_det
