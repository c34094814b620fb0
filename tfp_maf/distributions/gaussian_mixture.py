"""Gaussian mixture with full covariances, as an autoregressive density.

``p(x) = sum_k pi_k N(x; m_k, L_k L_k^T)``. With ``z_k = L_k^-1 (x - m_k)``, given the features
before, ``x_i`` is again a mixture of Gaussians: with weights ``pi_k prod_{j<i} N(z_kj) / L_kjj``,
each component's distance from its conditional mean being ``z_ki`` deviations ``L_kii``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.distributions.autoregressive import Autoregressive
from tfp_maf.distributions.mixture import normal_score, pick, uniform


class GaussianMixture(Autoregressive):
    """Gaussian mixture as a ``tfd.Distribution`` of events ``[D]``; it takes no condition.

    Args:
        event_size: D.
        components: K.
    """

    def __init__(self, event_size: int, components: int, *, dtype: str):
        self.logits = tf.Variable(tf.zeros([components], dtype), name="logits")
        self.means = tf.Variable(tf.zeros([components, event_size], dtype), name="means")
        factors = tf.eye(event_size, batch_shape=[components], dtype=dtype)
        self.factors = tf.Variable(factors, name="factors")
        super().__init__(event_size, dtype=dtype, name="gaussian_mixture")

    def _terms(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return z, log densities and log weights of all conditionals, ``[..., K, D]``."""
        deviations = x[..., None, :] - self.means
        inverse = tf.linalg.triangular_solve(
            self.factors, tf.eye(self.event_size, dtype=x.dtype)[None]
        )
        z = tf.einsum("kij,...kj->...ki", inverse, deviations)
        constant = tf.constant(0.5 * np.log(2 * np.pi), x.dtype)
        densities = -0.5 * z**2 - constant - tf.math.log(tf.linalg.diag_part(self.factors))
        weights = self.logits[:, None] + tf.cumsum(densities, axis=-1, exclusive=True)
        return z, densities, weights - tf.reduce_logsumexp(weights, axis=-2, keepdims=True)

    def conditionals(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``log p(x_i | x_1..x_{i-1})``, ``[..., D]``."""
        _, densities, weights = self._terms(x)
        return tf.reduce_logsumexp(weights + densities, axis=-2)

    def _log_prob(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return tf.reduce_sum(self.conditionals(x), axis=-1)

    def from_noise(self, noise: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return samples ``[..., D]`` for standard normal ``[..., D, 2]``.

        The second number of the first feature picks the component.
        """
        values = tf.transpose(self.means) + tf.einsum(
            "kij,...j->...ik", self.factors, noise[..., 0]
        )
        chosen = tf.repeat(uniform(noise[..., :1, 1]), self.event_size, axis=-1)
        return pick(chosen, tf.broadcast_to(self.logits, tf.shape(values)), values, axis=-1)

    def normal_scores(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``Phi^-1(F(x_i | x_1..x_{i-1}))``, ``[..., D]``."""
        z, _, weights = self._terms(x)
        below, above = (
            tf.reduce_sum(tf.exp(weights) * uniform(sign * z), axis=-2) for sign in (1, -1)
        )
        return normal_score(below, above)

    def assign(self, weights: Any, means: Any, covariances: Any) -> None:
        """Set the parameters: weights ``[K]``, means ``[K, D]``, covariances ``[K, D, D]``."""
        self.logits.assign(np.log(np.maximum(weights, 1e-300)))
        self.means.assign(means)
        self.factors.assign(np.linalg.cholesky(covariances))
