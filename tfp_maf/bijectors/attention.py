"""Masked autoregressive layer whose network is a causal Transformer over patches of columns.

The layer of TarFlow (Zhai et al. 2024, arXiv 2412.06329, equations 4 and 5). The columns are cut
into patches; all columns of a patch move together, by functions of the patches before::

    x_t = u_t exp(log_scale_t) + shift_t,    log_scale_t, shift_t = network(x_1..x_{t-1})

With patches of one column it is equation 3 of Papamakarios et al. 2017 (arXiv 1705.07057), MADE
replaced by masked attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.networks.dense import bounded, broadcast_condition
from tfp_maf.networks.transformer import CausalTransformer


class AttentionShiftAndLogScale(tf.Module):
    """Causal Transformer that gives ``shift`` and a softly bounded ``log_scale`` for each column.

    For ``tfb.MaskedAutoregressiveFlow``, like :class:`tfp_maf.bijectors.affine.ShiftAndLogScale`.

    Args:
        event_size: number of columns, D.
        tokens: number of patches, which divides D.
        bound: of the log scale in nats, or None.
        condition_size: C, 0 for none.
        options: of :class:`CausalTransformer`.
    """

    def __init__(
        self,
        event_size: int,
        *,
        tokens: int,
        bound: float | None,
        condition_size: int = 0,
        **options: Any,
    ):
        super().__init__()
        self.event_size, self.tokens, self.size = event_size, tokens, event_size // tokens
        self.bound, self.condition_size = bound, condition_size
        self.network = CausalTransformer(
            tokens, n_in=self.size, n_out=2 * self.size, condition_size=condition_size, **options
        )

    def __call__(
        self, y: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return shift and log_scale ``[..., D]`` for ``[..., D]`` and ``[..., C]``."""
        patches, condition = self._patches(y, condition)
        parameters = self._split(self.network(patches, condition))
        shift, log_scale = (tf.reshape(values, tf.shape(y)) for values in parameters)
        return tf.ensure_shape(shift, y.shape), tf.ensure_shape(log_scale, y.shape)

    def from_noise(
        self,
        u: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        against: tf.Tensor | None = None,
        weight: float = 0.0,
    ) -> tf.Tensor:
        """Return data ``[..., D]`` for noise ``[..., D]``, patch after patch.

        Each step computes one patch's outputs only: the network's keys and values of the patches
        before are kept. In all that takes one pass of the network, where ``tfb``'s way takes D.

        Args:
            u: noise.
            condition: ``[..., C]``, or None.
            against: for guidance, the condition that outputs are moved away from.
            weight: of guidance, w; 0 is none. It grows from 0 at the first patch to w at the last,
                as in the authors' code.
        """
        guides = against is not None and bool(weight)
        noise, condition = self._patches(u, condition)
        if guides:
            condition = tf.concat([condition, self._patches(u, against)[1]], axis=0)
        n = noise.shape[0] or tf.shape(noise)[0]
        caches = self.network.empty_caches(n * 2 if guides else n)
        moved = tf.TensorArray(u.dtype, self.tokens, element_shape=[None, self.size])

        def step(t: tf.Tensor, before: tf.Tensor, caches: Any, moved: tf.TensorArray) -> Any:
            before = tf.concat([before, before], axis=0) if guides else before
            outputs, caches = self.network.step(before, caches, t, condition)
            parameters = self._split(outputs)
            if guides:
                share = weight * tf.cast(t, u.dtype) / max(self.tokens - 1, 1)
                parameters = [_guided(values, share) for values in parameters]
            shift, log_scale = parameters
            patch = noise[:, t] * tf.exp(log_scale) + shift
            return [t + 1, patch, caches, moved.write(t, patch)]

        *_, moved = tf.while_loop(
            lambda t, *_: t < self.tokens,
            step,
            [tf.constant(0), tf.zeros_like(noise[:, 0]), caches, moved],
            maximum_iterations=self.tokens,
        )
        x = tf.transpose(moved.stack(), [1, 0, 2])
        return tf.ensure_shape(tf.reshape(x, tf.shape(u)), u.shape)

    def _patches(
        self, y: tf.Tensor, condition: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return patches ``[N, T, size]`` and conditions ``[N, C]`` of any batch shape."""
        condition = broadcast_condition(condition, y)
        if condition is not None:
            condition = tf.reshape(condition, [-1, self.condition_size])
        return tf.reshape(y, [-1, self.tokens, self.size]), condition

    def _split(self, outputs: tf.Tensor) -> Sequence[tf.Tensor]:
        shift, log_scale = tf.split(outputs, 2, axis=-1)
        return shift, bounded(log_scale, self.bound)


def _guided(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Return ``given + weight (given - against)`` ``[N, n]`` for both ``[2N, n]``."""
    given, against = tf.split(values, 2)
    return given + weight * (given - against)


class AttentionLayer(tfp.bijectors.MaskedAutoregressiveFlow):
    """Autoregressive layer with cached sampling, and both results of one pass of its network.

    ``x = u exp(log_scale) + shift``, both functions of the patches of ``x`` before.
    """

    def __init__(self, shift_and_log_scale_fn: AttentionShiftAndLogScale, name: str | None = None):
        super().__init__(shift_and_log_scale_fn, name=name or "attention_layer")
        self.network = shift_and_log_scale_fn

    def inverse_and_log_det(
        self, x: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return noise ``[..., D]``, and ``log |det du/dx|`` ``[...]``."""
        shift, log_scale = self.network(x, condition)
        return (x - shift) * tf.exp(-log_scale), -tf.reduce_sum(log_scale, axis=-1)

    def _forward(self, u: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return self.network.from_noise(u, condition)


def one_pass_log_prob(
    distribution: tfp.distributions.TransformedDistribution,
    x: tf.Tensor,
    *,
    bijector_kwargs: dict[str, Any] | None = None,
    distribution_kwargs: dict[str, Any] | None = None,
) -> tf.Tensor:
    """Return ``log p(x)``, ``[N]``, with one pass of each attention layer's network.

    TFP's ``log_prob`` asks a bijector twice, for the noise and for the log-determinant: two passes,
    and two ways back for gradients. The arguments are those of TFP's.
    """
    total = tf.zeros([], x.dtype)
    for bijector in distribution.bijector.bijectors:
        given = (bijector_kwargs or {}).get(bijector.name, {})
        if isinstance(bijector, AttentionLayer):
            x, log_det = bijector.inverse_and_log_det(x, **given)
        else:
            # The noise first: in training, batch normalisation takes its statistics there.
            u = bijector.inverse(x, **given)
            log_det = bijector.inverse_log_det_jacobian(x, event_ndims=1, **given)
            x = u
        total += log_det
    return total + distribution.distribution.log_prob(x, **(distribution_kwargs or {}))
