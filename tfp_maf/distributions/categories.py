"""MADE of categories: exact probabilities of discrete columns.

``P(k_i | k_1..k_{i-1})`` is a softmax whose logits a masked network computes from the categories
before, each as a vector of zeros with a one (Germain et al. 2015, arXiv 1502.03509, for categories
in place of bits).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.distributions.autoregressive import Autoregressive
from tfp_maf.distributions.mixture import pick, uniform
from tfp_maf.networks import masked_dense
from tfp_maf.networks.dense import broadcast_condition, glorot_uniform


class CategoryLogits(tf.Module):
    """Masked network of the logits of categories, given the categories before.

    Args:
        sizes: number of categories of each feature.
        hidden_units: sizes of the hidden layers.
        activation: of the hidden layers, a Keras name.
        condition_size: C, 0 for none; a condition reaches every layer.
        rng: of the initial kernels.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        hidden_units: Sequence[int],
        activation: str,
        condition_size: int,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__()
        self.sizes, self.condition_size = list(sizes), condition_size
        self.activation = tf_keras.activations.get(activation)
        # All units of a feature have its degree, as in TFP's masks by blocks.
        degrees = [np.repeat(masked_dense.input_degrees(len(sizes)), self.sizes)]
        for units in hidden_units:
            degrees.append(_hidden_degrees(degrees[-1], units, len(sizes), condition_size))
        masks = [mask.astype(float) for mask in masked_dense.made_masks(degrees)]
        initial = glorot_uniform(rng)
        self.kernels = [tf.Variable(initial(m.shape, dtype), name="kernel") for m in masks]
        self.biases = [tf.Variable(tf.zeros([m.shape[1]], dtype), name="bias") for m in masks]
        self.of_condition = [
            tf.Variable(initial([condition_size, m.shape[1]], dtype), name="of_condition")
            for m in masks
            if condition_size
        ]
        self.masks = {kernel.ref(): m for kernel, m in zip(self.kernels, masks, strict=True)}

    def __call__(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> list[tf.Tensor]:
        """Return logits ``[..., K_i]`` of each feature i, for codes ``[..., C]``."""
        codes = tf.cast(x, tf.int32)
        h = tf.concat(
            [tf.one_hot(codes[..., i], k, dtype=x.dtype) for i, k in enumerate(self.sizes)], axis=-1
        )
        given = broadcast_condition(condition, x)
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            h = tf.linalg.matmul(h, kernel * tf.constant(self.masks[kernel.ref()], x.dtype)) + bias
            if given is not None:
                h += tf.linalg.matmul(given, self.of_condition[i])
            if i < len(self.kernels) - 1:
                h = self.activation(h)
        return tf.split(h, self.sizes, axis=-1)


class CategoricalMade(Autoregressive):
    """MADE of categories as a ``tfd.Distribution`` of codes ``0..K_i - 1``, floats ``[C]``.

    Its ``log_prob`` is the logarithm of a probability; probabilities sum to one over all codes.

    Args:
        logits: the masked network.
    """

    def __init__(self, logits: CategoryLogits, *, dtype: str):
        self.logits = logits
        super().__init__(len(logits.sizes), dtype=dtype, name="categorical_made")

    def conditionals(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``log P(x_i | x_1..x_{i-1})``, ``[..., C]``."""
        codes = tf.cast(x, tf.int32)
        return tf.stack(
            [
                -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=codes[..., i], logits=each)
                for i, each in enumerate(self.logits(x, condition))
            ],
            axis=-1,
        )

    def _log_prob(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return tf.reduce_sum(self.conditionals(x, condition), axis=-1)

    def from_noise(self, noise: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return codes ``[..., C]`` for standard normal ``[..., C, 2]``, in C passes."""
        chosen = uniform(noise[..., 1])
        x = tf.zeros_like(chosen)
        for i, size in enumerate(self.logits.sizes):
            codes = tf.range(size, dtype=x.dtype)
            value = pick(chosen[..., i], self.logits(x, condition)[i], codes, axis=-1)
            x = tf.where(tf.range(self.event_size) == i, value[..., None], x)
        return x

    def normal_scores(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``Phi^-1`` of the middle of each category's part of (0, 1), ``[..., C]``."""
        scores = []
        for i, logits in enumerate(self.logits(x, condition)):
            probabilities = tf.nn.softmax(logits)
            chosen = tf.one_hot(tf.cast(x[..., i], tf.int32), self.logits.sizes[i], dtype=x.dtype)
            ends = tf.reduce_sum(tf.cumsum(probabilities, axis=-1) * chosen, axis=-1)
            middle = ends - 0.5 * tf.reduce_sum(probabilities * chosen, axis=-1)
            tiny = tf.constant(np.finfo(x.dtype.as_numpy_dtype).eps, x.dtype)
            scores.append(tf.math.ndtri(tf.clip_by_value(middle, tiny, 1 - tiny)))
        return tf.stack(scores, axis=-1)


def _hidden_degrees(
    previous: np.ndarray, units: int, event_size: int, condition_size: int
) -> np.ndarray:
    if not condition_size:
        return masked_dense.hidden_degrees(previous, units, event_size=event_size)
    # Units of degree 0 see the condition alone: through them it reaches the first feature.
    return np.arange(units) * event_size // units
