"""MADE MoG: a MADE whose conditionals are mixtures of Gaussians.

``p(x_i | x_1..x_{i-1}) = sum_k pi_k N(x_i; m_k, s_k^2)``, all parameters functions of
``x_1..x_{i-1}`` (Papamakarios et al. 2017, arXiv 1705.07057, section 4). It is a model by itself,
or the density of a MAF's noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.distributions.autoregressive import Autoregressive
from tfp_maf.networks.dense import bounded
from tfp_maf.networks.made import MaskedParameters

tfd = tfp.distributions


class MixtureParameters(MaskedParameters):
    """Masked network of the mixtures' logits, means and log deviations.

    Args:
        components: number of components, K.
        bound: log deviations stay within plus or minus this many nats; None is no bound.
        options: of :class:`MaskedParameters`.
    """

    def __init__(
        self,
        event_size: int,
        *,
        components: int,
        bound: float | None,
        rng: np.random.Generator,
        **options: Any,
    ):
        super().__init__(event_size, params=3 * components, rng=rng, **options)
        self.components, self.bound = components, bound
        # Components with equal initial values never separate. The first feature's parameters are
        # biases alone, so these must differ. The authors draw them from N(0, 1), too.
        bias = self.network.trainable_variables[-1 - bool(self.condition_size)]
        means = np.zeros([event_size, 3, components])
        means[:, 1] = rng.standard_normal([event_size, components])
        bias.assign(means.reshape(-1))

    def __call__(
        self, y: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return logits, means and log deviations ``[..., D, K]`` for ``[..., D]``."""
        logits, means, log_scales = tf.split(self.outputs(y, condition), 3, axis=-1)
        return logits, means, bounded(log_scales, self.bound)


class MixtureMade(Autoregressive):
    """MADE MoG as a ``tfd.Distribution`` of events ``[D]``, sampled feature by feature.

    Args:
        parameters: the network that gives the mixtures.
        event_size: D.
    """

    def __init__(self, parameters: MixtureParameters, event_size: int, *, dtype: str):
        self.mixtures = parameters
        super().__init__(event_size, dtype=dtype, name="mixture_made")

    def conditionals(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> Any:
        """Return ``p(x_i | x_1..x_{i-1})`` for all i, a batch ``[..., D]`` of ``tfd`` mixtures."""
        logits, means, log_scales = self.mixtures(x, condition)
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=logits), tfd.Normal(means, tf.exp(log_scales))
        )

    def _log_prob(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return tf.reduce_sum(self.conditionals(x, condition).log_prob(x), axis=-1)

    def from_noise(self, noise: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return samples ``[..., D]`` for standard normal ``[..., D, 2]``, in D passes.

        The second number of each pair picks the component, the first is its deviation.
        """
        chosen = uniform(noise[..., 1])

        def fill_next(i: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            logits, means, log_scales = self.mixtures(x, condition)
            value = pick(chosen, logits, means, axis=-1)
            value += noise[..., 0] * tf.exp(pick(chosen, logits, log_scales, axis=-1))
            return i + 1, tf.where(tf.range(self.event_size) == i, value, x)

        zeros = tf.zeros_like(noise[..., 0])
        return tf.while_loop(
            lambda i, _: i < self.event_size, fill_next, [0, zeros], parallel_iterations=1
        )[1]

    def normal_scores(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``Phi^-1(F(x_i | x_1..x_{i-1}))``, ``[..., D]`` for ``[..., D]``."""
        logits, means, log_scales = self.mixtures(x, condition)
        z = (x[..., None] - means) * tf.exp(-log_scales)
        weights = tf.nn.softmax(logits)
        below, above = (tf.reduce_sum(weights * uniform(sign * z), axis=-1) for sign in (1, -1))
        return normal_score(below, above)


def uniform(normal: tf.Tensor) -> tf.Tensor:
    """Return uniform numbers for standard normal ones."""
    return 0.5 * tf.math.erfc(-normal * tf.constant(np.sqrt(0.5), normal.dtype))


def normal_score(below: tf.Tensor, above: tf.Tensor) -> tf.Tensor:
    """Return ``Phi^-1`` of the probability below a value.

    Args:
        below, above: probabilities of both tails, each computed by itself: 1 - F would round to
            zero where F is near one.
    """
    tiny = tf.constant(np.finfo(below.dtype.as_numpy_dtype).tiny, below.dtype)
    score = tf.math.ndtri(tf.maximum(tf.minimum(below, above), tiny))
    return tf.where(below < above, score, -score)


def pick(chosen: tf.Tensor, logits: tf.Tensor, values: tf.Tensor, *, axis: int) -> tf.Tensor:
    """Return the value of the component in whose part of (0, 1) ``chosen`` falls.

    Args:
        chosen: uniform, of the shape of ``values`` without ``axis``.
        logits, values: components along ``axis``.
        axis: the axis of the components.
    """
    ends = tf.cumsum(tf.nn.softmax(logits, axis=axis), axis=axis)
    passed = tf.cast(tf.expand_dims(chosen, axis) >= ends, tf.int32)
    count = values.shape[axis]
    index = tf.minimum(tf.reduce_sum(passed, axis=axis), count - 1)  # ends may stop short of 1
    return tf.reduce_sum(values * tf.one_hot(index, count, axis=axis, dtype=values.dtype), axis)
