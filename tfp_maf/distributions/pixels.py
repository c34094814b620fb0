"""Distributions of a pixel's levels: what an image network's outputs mean.

The probabilities of the levels 0 .. L - 1 sum to one exactly, for each colour given the colours
before it (R, then G, then B):

* :class:`BinaryPixels`: a Bernoulli variable, for two levels;
* :class:`CategoricalPixels`: a softmax over all levels (van den Oord et al. 2016a, arXiv
  1601.06759, section 2.2);
* :class:`LogisticPixels`: a mixture of logistic distributions, each level the integral of the
  density around it (Salimans et al. 2017, arXiv 1701.05517, sections 2.1 and 2.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.utils.checks import check_positive_integer

# Scales far below the distance of two levels, as in the authors' code, or far above that of all,
# change no probability, and their gradients are not finite.
LOG_SCALES = (-7.0, 7.0)


class Pixels:
    """Distribution of pixels ``[..., C]`` of levels, given ``outputs`` numbers for each.

    Attributes:
        levels: L, the number of levels.
        channels: C, the number of colours.
        outputs: number of a network's outputs per pixel.
        colours_masked: whether the network has to keep a colour's outputs from seeing it; if not,
            they see earlier pixels alone, and colours depend on each other here.
    """

    levels: int
    channels: int
    outputs: int
    colours_masked: bool

    def conditionals(self, outputs: tf.Tensor, pixel: tf.Tensor) -> tf.Tensor:
        """Return ``log P(level | colours before)`` of each colour, ``[..., C]``.

        Args:
            outputs: ``[..., outputs]``.
            pixel: levels as floats, ``[..., C]``.
        """
        raise NotImplementedError

    def log_probabilities(self, outputs: tf.Tensor, pixel: tf.Tensor, colour: int) -> tf.Tensor:
        """Return log-probabilities ``[..., L]`` of all levels of a colour, given those before it.

        Args:
            outputs: ``[..., outputs]``.
            pixel: levels ``[..., C]``; those from ``colour`` on are not looked at.
            colour: its number, from 0.
        """
        raise NotImplementedError

    def initial_bias(self, rng: np.random.Generator) -> np.ndarray:
        """Return a network's outputs ``[outputs]`` before it is trained."""
        return np.zeros(self.outputs)

    def scaled(self, levels: tf.Tensor) -> tf.Tensor:
        """Return levels 0 .. L - 1 as numbers -1 .. 1, a network's input."""
        return levels * (2 / (self.levels - 1)) - 1


class BinaryPixels(Pixels):
    """Bernoulli distribution of black and white pixels; the output is the logit of white."""

    levels, colours_masked = 2, True

    def __init__(self, channels: int = 1):
        self.channels = self.outputs = channels

    def conditionals(self, outputs: tf.Tensor, pixel: tf.Tensor) -> tf.Tensor:
        """See :class:`Pixels`."""
        return tf.math.log_sigmoid(outputs * self.scaled(pixel))

    def log_probabilities(self, outputs: tf.Tensor, pixel: tf.Tensor, colour: int) -> tf.Tensor:
        """See :class:`Pixels`."""
        logit = outputs[..., colour]
        return tf.stack([tf.math.log_sigmoid(-logit), tf.math.log_sigmoid(logit)], axis=-1)


class CategoricalPixels(Pixels):
    """Softmax over all levels, which knows nothing of their order."""

    colours_masked = True

    def __init__(self, levels: int = 256, channels: int = 1):
        check_positive_integer("levels", levels)
        self.levels, self.channels, self.outputs = levels, channels, levels * channels

    def _logits(self, outputs: tf.Tensor) -> tf.Tensor:
        shape = tf.concat([tf.shape(outputs)[:-1], [self.channels, self.levels]], axis=0)
        return tf.reshape(outputs, shape)

    def conditionals(self, outputs: tf.Tensor, pixel: tf.Tensor) -> tf.Tensor:
        """See :class:`Pixels`."""
        chosen = tf.one_hot(tf.cast(pixel, tf.int32), self.levels, dtype=outputs.dtype)
        return tf.reduce_sum(chosen * tf.nn.log_softmax(self._logits(outputs)), axis=-1)

    def log_probabilities(self, outputs: tf.Tensor, pixel: tf.Tensor, colour: int) -> tf.Tensor:
        """See :class:`Pixels`."""
        return tf.nn.log_softmax(self._logits(outputs)[..., colour, :])


class LogisticPixels(Pixels):
    """Mixture of K discretised logistic distributions, one component for all colours of a pixel.

    ``P(x) = sum_k pi_k prod_c [sigma((x_c + h - m_kc) / s_kc) - sigma((x_c - h - m_kc) / s_kc)]``
    with levels scaled to -1 .. 1 and ``h`` half the distance between two; the lowest level takes
    all below it, the highest all above. Means of G and B are linear in the colours before:
    ``m_kg = mu_kg + a_k r`` and ``m_kb = mu_kb + b_k r + c_k g``, with a, b, c within -1 and 1
    (equation 3).
    """

    colours_masked = False

    def __init__(self, levels: int = 256, channels: int = 1, *, components: int = 10):
        check_positive_integer("levels", levels)
        check_positive_integer("components", components)
        if levels < 2:
            raise ValueError("a mixture of logistics needs at least 2 levels")
        self.levels, self.channels, self.components = levels, channels, components
        self.pairs = [(c, before) for c in range(channels) for before in range(c)]
        self.outputs = components * (1 + 2 * channels + len(self.pairs))

    def initial_bias(self, rng: np.random.Generator) -> np.ndarray:
        """See :class:`Pixels`: components with equal means would never separate."""
        bias = np.zeros([self.outputs // self.components, self.components])
        bias[1 : 1 + self.channels] = rng.uniform(-1, 1, [self.channels, self.components])
        bias[1 + self.channels : 1 + 2 * self.channels] = -1
        return bias.ravel()

    def _parts(self, outputs: tf.Tensor) -> list[tf.Tensor]:
        """Return log weights ``[..., K]``, means and log scales per colour, and coefficients."""
        shape = tf.concat([tf.shape(outputs)[:-1], [-1, self.components]], axis=0)
        parts = tf.reshape(outputs, shape)
        parts = tf.ensure_shape(parts, [*outputs.shape[:-1], None, self.components])
        return [parts[..., i, :] for i in range(1 + 2 * self.channels + len(self.pairs))]

    def _component(self, outputs: tf.Tensor, pixel: tf.Tensor, colour: int) -> tuple[Any, Any]:
        """Return means and log scales ``[..., K]`` of a colour, given those before it."""
        parts = self._parts(outputs)
        mean, log_scale = parts[1 + colour], parts[1 + self.channels + colour]
        x = self.scaled(pixel)
        for coefficient, (of, before) in zip(
            parts[1 + 2 * self.channels :], self.pairs, strict=True
        ):
            if of == colour:
                mean += tf.tanh(coefficient) * x[..., before, None]
        return mean, tf.clip_by_value(log_scale, *LOG_SCALES)

    def _log_masses(self, level: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor) -> tf.Tensor:
        """Return each component's log-probability of levels; all broadcast."""
        half, inverse = 1 / (self.levels - 1), tf.exp(-log_scale)
        above = (self.scaled(level) + half - mean) * inverse
        below = (self.scaled(level) - half - mean) * inverse
        # sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - e^(b - a)), nowhere a difference of two
        # numbers that are almost equal. The first and last level have one end alone.
        inside = tf.math.log_sigmoid(above) + tf.math.log_sigmoid(-below)
        inside += tfp.math.log1mexp(2 * half * inverse)
        log_mass = tf.where(level < self.levels - 1.5, inside, tf.math.log_sigmoid(-below))
        return tf.where(level > 0.5, log_mass, tf.math.log_sigmoid(above))

    def _log_joint(self, outputs: tf.Tensor, pixel: tf.Tensor, colours: int) -> list[tf.Tensor]:
        """Return ``log pi_k prod P_k(colours)`` ``[..., K]`` of the first 0 .. ``colours``."""
        joint = [tf.nn.log_softmax(self._parts(outputs)[0])]
        for c in range(colours):
            mean, log_scale = self._component(outputs, pixel, c)
            joint.append(joint[-1] + self._log_masses(pixel[..., c, None], mean, log_scale))
        return joint

    def conditionals(self, outputs: tf.Tensor, pixel: tf.Tensor) -> tf.Tensor:
        """See :class:`Pixels`."""
        totals = [
            tf.reduce_logsumexp(each, axis=-1)
            for each in self._log_joint(outputs, pixel, self.channels)
        ]
        return tf.stack([b - a for a, b in zip(totals[:-1], totals[1:], strict=True)], axis=-1)

    def log_probabilities(self, outputs: tf.Tensor, pixel: tf.Tensor, colour: int) -> tf.Tensor:
        """See :class:`Pixels`."""
        weights = tf.nn.log_softmax(self._log_joint(outputs, pixel, colour)[-1])
        mean, log_scale = self._component(outputs, pixel, colour)
        levels = tf.range(self.levels, dtype=outputs.dtype)[:, None]
        masses = self._log_masses(levels, mean[..., None, :], log_scale[..., None, :])
        return tf.reduce_logsumexp(weights[..., None, :] + masses, axis=-1)


def pixels_of(kind: str, *, levels: int, channels: int, components: int) -> Pixels:
    """Return the distribution of that name: ``"binary"``, ``"categorical"`` or ``"logistic"``.

    Raises:
        ValueError: If there is none, or it does not have that many levels.
    """
    if kind == "binary":
        if levels != 2:
            raise ValueError(f"binary pixels have 2 levels, got levels={levels}")
        return BinaryPixels(channels)
    if kind == "categorical":
        return CategoricalPixels(levels, channels)
    if kind == "logistic":
        return LogisticPixels(levels, channels, components=components)
    raise ValueError(f"pixels must be 'binary', 'categorical' or 'logistic', got {kind!r}")
