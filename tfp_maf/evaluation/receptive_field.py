"""Receptive field of a pixel: which other pixels its distribution depends on, by gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def receptive_field(
    network: Any, row: int, column: int, *, images: int = 16, seed: int = 0
) -> np.ndarray:
    """Return how strongly a pixel's distribution depends on each pixel, ``[H, W]``.

    It is the gradient of the parameters of the pixel's distribution by the image, its root mean
    square over parameters, colours and random images: zero where no path leads.

    Args:
        network: an :class:`~tfp_maf.networks.image_network.ImageNetwork`, unconditional.
        row, column: of the pixel.
        images: number of random images.
        seed: of the images, and of a random combination of the parameters for each.
    """
    sites, pixels = network.sites, network.pixels
    height, width, channels = sites.image_shape
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, pixels.levels, [images, height * width * channels])
    dtype = network.trainable_variables[0].dtype
    x = sites.of_rows(tf.constant(levels, dtype))
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = network(x)
        own = outputs[:, row // sites.patch, column // sites.patch]
        own = own[:, row % sites.patch * sites.patch + column % sites.patch]
        total = tf.reduce_sum(own * rng.standard_normal(own.shape))
    gradient = sites.to_rows(tape.gradient(total, x)).numpy()
    by_pixel = (gradient**2).reshape(images, channels, height, width)
    return np.sqrt(by_pixel.mean(axis=(0, 1)))
