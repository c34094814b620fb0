"""Parts of a flow whose gradients, written in closed form, take fewer operations.

Automatic differentiation gives the same numbers (``tests/test_stack.py``).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfp_maf.networks.dense import bounded


def sum_rows(x: tf.Tensor) -> tf.Tensor:
    """``[N, n]`` to ``[n]``, as a product with ones.

    XLA turns a sum over rows into a tree of slow windows on CPUs; a product stays fast. On
    GPUs a product may round to TF32.
    """
    if tf.config.list_physical_devices("GPU"):
        return tf.reduce_sum(x, axis=0)
    return tf.matmul(tf.ones([1, x.shape[0]], x.dtype), x)[0]


@tf.custom_gradient
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> Any:
    """``x [N, n] + bias [n]``; the bias's gradient by :func:`sum_rows`."""
    return x + bias, lambda dy: (dy, sum_rows(dy))


@tf.custom_gradient
def normalise(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor) -> Any:
    """Batch normalisation by the batch's own statistics, with its log-determinant.

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
    """``u = (x - shift) exp(-log_scale)`` and ``-log_scale``, ``[N, D]`` each.

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
