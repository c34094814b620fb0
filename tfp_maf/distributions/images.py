"""Distribution of images: a product of conditionals, one per pixel and colour, in raster order.

``P(x | c) = prod_i P(x_i | x_1 .. x_{i-1}, c)`` over levels, whose conditionals a causal network
gives (van den Oord et al. 2016a, arXiv 1601.06759, equations 1 and 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.distributions.autoregressive import Autoregressive
from tfp_maf.distributions.mixture import pick, uniform
from tfp_maf.networks.dense import broadcast_condition
from tfp_maf.networks.drawing import draw, draw_naively
from tfp_maf.networks.image_network import ImageNetwork


class ImageDistribution(Autoregressive):
    """``tfd.Distribution`` of images as rows ``[D]`` of levels 0 .. L - 1, colour after colour.

    ``log_prob`` is the logarithm of a probability, and minus infinity of what is not an image.

    Args:
        network: gives the parameters of the pixels' distributions.
        step: number of the training step whose features the network drops; None to drop none.
    """

    def __init__(self, network: ImageNetwork, *, dtype: str, step: tf.Tensor | int | None = None):
        self.network, self.pixels, self.sites = network, network.pixels, network.sites
        self.step = step
        super().__init__(int(np.prod(self.sites.image_shape)), dtype=dtype, name="images")

    def in_training(self, step: tf.Tensor | int) -> ImageDistribution:
        """Return the same distribution as a step of training has it, with dropout."""
        return ImageDistribution(self.network, dtype=self.dtype.name, step=step)

    def _sites(self, x: tf.Tensor, condition: tf.Tensor | None) -> tuple[tf.Tensor, Any]:
        """Return sites ``[N, h, w, S C]`` and condition ``[N, K]`` of a batch of rows.

        Raises:
            ValueError: If the network is conditional, and there is no condition.
        """
        if self.network.condition_size and condition is None:
            raise ValueError("the images are conditional: use the model's given(condition)")
        given = broadcast_condition(condition, x)
        if given is not None:
            given = tf.reshape(given, [-1, self.network.condition_size])
        return self.sites.of_rows(tf.reshape(x, [-1, self.event_size])), given

    def _by_pixel(self, sites: tf.Tensor) -> tf.Tensor:
        """Return levels ``[..., S, C]`` of sites ``[..., S C]``."""
        shape = [self.sites.pixels, self.sites.channels]
        return tf.reshape(sites, tf.concat([tf.shape(sites)[:-1], shape], axis=0))

    def _rows(self, values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        """Return values ``[N, h, w, S, C]`` as rows, in the batch of ``like``."""
        flat = tf.reshape(values, [-1, *self.sites.grid, self.sites.size])
        return tf.reshape(self.sites.to_rows(flat), tf.shape(like))

    def conditionals(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``log P(x_i | x_1..x_{i-1})``, ``[..., D]``."""
        sites, given = self._sites(x, condition)
        outputs = self.network(sites, given, step=self.step)
        found = self._rows(self.pixels.conditionals(outputs, self._by_pixel(sites)), x)
        return tf.where(self._are_levels(x), found, tf.constant(-np.inf, x.dtype))

    def _are_levels(self, x: tf.Tensor) -> tf.Tensor:
        return (x >= 0) & (x <= self.pixels.levels - 1) & (tf.floor(x) == x)

    def _log_prob(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        return tf.reduce_sum(self.conditionals(x, condition), axis=-1)

    def from_noise(
        self, noise: tf.Tensor, condition: tf.Tensor | None = None, *, naively: bool = False
    ) -> tf.Tensor:
        """Return images ``[..., D]`` for standard normal ``[..., D, 2]``.

        The second number of each pair picks the level, by the inverse of the distribution function.

        Args:
            noise: standard normal.
            condition: ``[..., K]``, or None.
            naively: whether each value takes a pass of the whole network, as a test.
        """
        chosen = uniform(noise[..., 1])
        sites, given = self._sites(chosen, condition)
        levels = tf.range(self.pixels.levels, dtype=self.dtype)

        def choose(outputs: Any, site: Any, value: int, row: Any, column: Any) -> tf.Tensor:
            pixel, colour = divmod(value, self.sites.channels)
            known = self._by_pixel(site)[:, pixel]
            logits = self.pixels.log_probabilities(outputs[:, pixel], known, colour)
            return pick(sites[:, row, column, value], logits, levels, axis=-1)

        how = draw if self.network.remembers and not naively else draw_naively
        drawn = how(self.network, choose, tf.shape(sites)[0], given, dtype=self.dtype)
        rows = self._rows(drawn, chosen)
        if given is None:
            return rows
        # An unknown label is NaN, which no comparison with probabilities would show.
        known = tf.reshape(tf.reduce_all(tf.math.is_finite(given), axis=-1), tf.shape(rows)[:-1])
        return tf.where(known[..., None], rows, tf.constant(np.nan, self.dtype))

    def normal_scores(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``Phi^-1`` of the middle of each level's part of (0, 1), ``[..., D]``.

        What is no level has NaN.
        """
        sites, given = self._sites(x, condition)
        outputs, pixel = self.network(sites, given), self._by_pixel(sites)
        scores = []
        for colour in range(self.sites.channels):
            probabilities = tf.exp(self.pixels.log_probabilities(outputs, pixel, colour))
            level = tf.cast(pixel[..., colour], tf.int32)
            chosen = tf.one_hot(level, self.pixels.levels, dtype=x.dtype)
            ends = tf.reduce_sum(tf.cumsum(probabilities, axis=-1) * chosen, axis=-1)
            middle = ends - 0.5 * tf.reduce_sum(probabilities * chosen, axis=-1)
            tiny = tf.constant(np.finfo(x.dtype.as_numpy_dtype).eps, x.dtype)
            scores.append(tf.math.ndtri(tf.clip_by_value(middle, tiny, 1 - tiny)))
        found = self._rows(tf.stack(scores, axis=-1), x)
        return tf.where(self._are_levels(x), found, tf.constant(np.nan, x.dtype))
