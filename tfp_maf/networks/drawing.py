"""Drawing of images site by site, each site at the cost of its own column of the network.

Ramachandran et al. 2017 (arXiv 1704.06001) remember each layer's features of the pixels drawn so
far, so that drawing an image takes as long as one pass of the network, not one pass per pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfp_maf.networks.image_network import ImageNetwork
from tfp_maf.networks.views import Cache, Look, OneRow, OneSite, WholeImage

# A function of the parameters [N, S, outputs] of a site's pixels, the site's levels so far
# [N, S C], the number of the value to draw, and the site's row and column; it returns levels [N].
Choose = Callable[[tf.Tensor, tf.Tensor, int, Any, Any], tf.Tensor]


def draw(
    network: ImageNetwork, choose: Choose, n: Any, condition: tf.Tensor | None, *, dtype: Any
) -> tf.Tensor:
    """Draw images, as :func:`draw_naively` does, with memory of what was computed before.

    Args:
        network: one that ``remembers``.
        choose: draws one value given its parameters.
        n: number of images.
        condition: ``[n, K]``, or None.
        dtype: of the levels.

    Returns:
        Levels ``[n, h, w, S C]``.
    """
    sites = network.sites
    height, width = sites.grid
    image_shape, above_shapes, shapes = cache_shapes(network, dtype=dtype)

    def draw_site(column: Any, row: Any, above: list[tf.Tensor], *state: Any) -> Any:
        levels, image, caches = state
        caches = list(caches)
        here = [features[column // (width // features.shape[0])] for features in above]
        site = tf.zeros([n, sites.size], dtype)
        for value in range(sites.size):
            if value == 0 or network.context_sees_site:
                view = OneSite(row, column, (image_shape, image), list(caches), shapes)
                context = network.context(view, here, condition)
                remembered = view.caches
            outputs = network.outputs(context, network.pixels.scaled(site))
            level = choose(outputs, site, value, row, column)
            site = tf.where(tf.range(sites.size) == value, level[:, None], site)
            if network.context_sees_site or value == sites.size - 1:
                place = image_shape.index(row, column)
                scaled = network.pixels.scaled(site)[None]
                image = tf.tensor_scatter_nd_update(image, [[place]], scaled)
        levels = tf.tensor_scatter_nd_update(levels, [[row * width + column]], site[None])
        return column + 1, levels, image, remembered

    def draw_row(row: Any, levels: Any, image: Any, of_rows: Any, caches: Any) -> Any:
        view = OneRow(row, (image_shape, image), list(of_rows), above_shapes, width=width)
        above = network.above(view, condition)
        _, levels, image, caches = tf.while_loop(
            lambda column, *_: column < width,
            lambda column, *state: draw_site(column, row, above, *state),
            [tf.constant(0), levels, image, list(caches)],
            parallel_iterations=1,
        )
        return row + 1, levels, image, view.caches, caches

    levels = tf.while_loop(
        lambda row, *_: row < height,
        draw_row,
        [
            tf.constant(0),
            tf.zeros([height * width, n, sites.size], dtype),
            image_shape.empty(n, dtype),
            [shape.empty(n, dtype) for shape in above_shapes],
            [shape.empty(n, dtype) for shape in shapes],
        ],
        parallel_iterations=1,
    )[1]
    return tf.reshape(tf.transpose(levels, [1, 0, 2]), [-1, height, width, sites.size])


def draw_naively(
    network: ImageNetwork, choose: Choose, n: Any, condition: tf.Tensor | None, *, dtype: Any
) -> tf.Tensor:
    """Draw images with one pass of the whole network per value; arguments as of :func:`draw`."""
    sites = network.sites
    height, width = sites.grid

    def draw_site(i: Any, levels: tf.Tensor) -> Any:
        row, column = i // width, i % width
        for value in range(sites.size):
            outputs = network(levels, condition)[:, row, column]
            level = choose(outputs, levels[:, row, column], value, row, column)
            is_here = tf.range(height * width * sites.size) == i * sites.size + value
            is_here = tf.reshape(is_here, [height, width, sites.size])
            levels = tf.where(is_here, level[:, None, None, None], levels)
        return i + 1, levels

    levels = tf.zeros([n, height, width, sites.size], dtype)
    return tf.while_loop(
        lambda i, _: i < height * width,
        draw_site,
        [tf.constant(0), levels],
        parallel_iterations=1,
    )[1]


def cache_shapes(network: ImageNetwork, *, dtype: Any) -> tuple[Cache, list[Cache], list[Cache]]:
    """Return the caches that drawing needs: of the image, and of the looks of both functions."""
    height, width = network.sites.grid
    with tf.init_scope():  # in a graph, too, the network is run once on an empty image
        view = WholeImage(tf.zeros([1, height, width, network.sites.size], dtype))
        condition = tf.zeros([1, network.condition_size], dtype) if network.condition_size else None
        above = network.above(view, condition)
        split = len(view.looks)
        network.context(view, above, condition)
    shapes = [Cache(look, height=height, width=width) for look in view.looks]
    of_image = Look(tuple(sorted(view.image_offsets)), network.sites.size)
    image = Cache(of_image, height=height, width=width)
    return image, shapes[:split], shapes[split:]
