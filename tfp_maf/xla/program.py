"""A whole flow as plain tensor operations: layers, and the density of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.bijectors.affine import ShiftAndLogScale
from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.bijectors.coupling import CouplingNetwork
from tfp_maf.distributions.mixture import MixtureMade, pick, uniform
from tfp_maf.networks.dense import bounded
from tfp_maf.networks.made import kernel_masks
from tfp_maf.xla.layers import (
    AutoregressiveLayer,
    CouplingLayer,
    Layer,
    MaskedNetwork,
    Normalisation,
    Permutation,
    Values,
)

tfb, tfd = tfp.bijectors, tfp.distributions


class StandardNormal(Layer):
    """``N(0, I)``."""

    def log_prob(self, u: tf.Tensor, condition: tf.Tensor | None, values: Values) -> tf.Tensor:
        """``[N, D]`` to ``[N]``."""
        normal = 0.5 * u**2 + tf.constant(0.5 * np.log(2 * np.pi), u.dtype)
        return -tf.reduce_sum(normal, axis=1)


class MixtureBase(MaskedNetwork):
    """:class:`~tfp_maf.distributions.mixture.MixtureMade`."""

    def __init__(self, distribution: MixtureMade, masks: dict[Any, np.ndarray]):
        super().__init__(distribution.mixtures, masks)
        self.components, self.bound = distribution.mixtures.components, distribution.mixtures.bound

    def log_prob(self, u: tf.Tensor, condition: tf.Tensor | None, values: Values) -> tf.Tensor:
        """``[N, D]`` and ``[N, C]`` to ``[N]``."""
        outputs = self.outputs(u, condition, values)
        logits, means, raw = tf.unstack(
            tf.reshape(outputs, [u.shape[0], 3, self.components, u.shape[1]]), axis=1
        )
        log_scales = bounded(raw, self.bound)
        deviations = (u[:, None] - means) * tf.exp(-log_scales)
        terms = logits - 0.5 * deviations**2 - log_scales
        # Both maxima are constants to the gradient, as in tf.reduce_logsumexp.
        log_p = tf.reduce_logsumexp(terms, axis=1) - tf.reduce_logsumexp(logits, axis=1)
        return tf.reduce_sum(log_p - tf.constant(0.5 * np.log(2 * np.pi), u.dtype), axis=1)

    def draw(self, outputs: tf.Tensor, noise: Sequence[tf.Tensor]) -> tf.Tensor:
        """Some features, from the components that the noise picks.

        Args:
            outputs: logits, means and raw log deviations ``[n, 3K, N]``.
            noise: standard normal ``[n, N]``: deviations, and choices.
        """
        logits, means, raw = tf.split(outputs, 3, axis=1)
        chosen = uniform(noise[1])
        scale = tf.exp(bounded(pick(chosen, logits, raw, axis=1), self.bound))
        return pick(chosen, logits, means, axis=1) + scale * noise[0]


@dataclass(frozen=True)
class FlowProgram:
    """A flow's arithmetic.

    Attributes:
        layers: from the data to the noise.
        base: the density of the noise.
        event_size: D; what a row has beyond is its condition.
    """

    layers: Sequence[Any]
    base: Any
    event_size: int

    @property
    def parts(self) -> list[Any]:
        """Layers and base."""
        return [*self.layers, self.base]

    def split(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Rows ``[N, D + C]`` to events and condition."""
        has_condition = rows.shape[1] > self.event_size
        return rows[:, : self.event_size], rows[:, self.event_size :] if has_condition else None

    def log_prob(
        self, rows: tf.Tensor, values: Values | None = None, *, training: bool = False
    ) -> tf.Tensor:
        """``log p(x)``, ``[N, D + C]`` to ``[N]``: change of variables, layer by layer.

        Args:
            rows: events and their conditions, their number static.
            values: of all weights; by default the flow's own.
            training: whether batch normalisation uses the batch's statistics.
        """
        if values is None:
            values = {ref: value for part in self.parts for ref, value in part.values().items()}
        x, condition = self.split(rows)
        total = tf.zeros([], x.dtype)
        for layer in self.layers:
            x, log_det = layer.inverse(x, condition, values, training=training)
            total += tf.reduce_sum(log_det, axis=-1) if log_det.shape.rank else log_det
        return total + self.base.log_prob(x, condition, values)


def modules_of(bijector: Any, kind: type) -> list[Any]:
    """The networks of a kind that a bijector holds."""
    return [module for module in bijector.submodules if isinstance(module, kind)]


def as_layer(bijector: Any, masks: dict[Any, np.ndarray]) -> Layer | None:
    """The bijector as a layer, or None where its arithmetic is not written out."""
    if isinstance(bijector, tfb.MaskedAutoregressiveFlow):
        networks = modules_of(bijector, ShiftAndLogScale)
        if len(networks) != 1 or not _has_our_masks(networks[0].network, masks):
            return None
        return AutoregressiveLayer(networks[0], masks)
    if isinstance(bijector, tfb.RealNVP):
        networks = modules_of(bijector, CouplingNetwork)
        return CouplingLayer(bijector, networks[0]) if len(networks) == 1 else None
    if isinstance(bijector, BatchNormalization):
        layer = bijector.batchnorm
        return Normalisation(bijector) if layer.center and layer.scale and layer.built else None
    return Permutation(bijector) if isinstance(bijector, tfb.Permute) else None


def _has_our_masks(network: Any, masks: dict[Any, np.ndarray]) -> bool:
    expected = kernel_masks(network)
    return all(ref in masks and (masks[ref] == mask).all() for ref, mask in expected.items())


def read_program(
    bijectors: Sequence[Any], base: Any, masks: dict[Any, np.ndarray], *, event_size: int
) -> FlowProgram | None:
    """The flow of these bijectors, from the data to the noise; None if one is of another kind."""
    layers = [as_layer(bijector, masks) for bijector in bijectors]
    if any(layer is None for layer in layers):
        return None
    if isinstance(base, MixtureMade):
        return FlowProgram(layers, MixtureBase(base, masks), event_size)
    is_normal = isinstance(base, tfd.MultivariateNormalDiag)
    return FlowProgram(layers, StandardNormal(), event_size) if is_normal else None
