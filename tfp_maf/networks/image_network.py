"""Causal networks over images: what PixelCNNs and their relatives have in common.

An image is drawn site by site, in raster order. A site is a pixel, or a patch of pixels that a
network within the patch takes one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfp_maf.networks.views import View, WholeImage

if TYPE_CHECKING:
    from tfp_maf.distributions.pixels import Pixels


@dataclass(frozen=True)
class Sites:
    """Division of images into sites, squares of ``patch`` by ``patch`` pixels.

    A row ``[D]`` holds an image's colours one after the other, as in
    :class:`tfp_maf.data_prep.images.ImageSpace`. A site holds its pixels in raster order, each
    with its colours side by side.

    Attributes:
        image_shape: height, width and number of colours.
        patch: side of a site.

    Raises:
        ValueError: If ``patch`` does not divide height and width.
    """

    image_shape: tuple[int, int, int]
    patch: int = 1

    def __post_init__(self) -> None:
        if self.image_shape[0] % self.patch or self.image_shape[1] % self.patch:
            raise ValueError(
                f"patch={self.patch} does not divide the image's height and width, "
                f"{self.image_shape[0]} x {self.image_shape[1]}"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Numbers of rows and columns of sites."""
        return self.image_shape[0] // self.patch, self.image_shape[1] // self.patch

    @property
    def channels(self) -> int:
        """Number of colours, C."""
        return self.image_shape[2]

    @property
    def pixels(self) -> int:
        """Number of pixels per site, S."""
        return self.patch**2

    @property
    def size(self) -> int:
        """Number of values per site, S C."""
        return self.pixels * self.channels

    def of_rows(self, rows: tf.Tensor) -> tf.Tensor:
        """Return sites ``[N, h, w, S C]`` of rows ``[N, D]``."""
        (h, w), p = self.grid, self.patch
        planes = tf.reshape(rows, [-1, self.channels, h, p, w, p])
        return tf.reshape(tf.transpose(planes, [0, 2, 4, 3, 5, 1]), [-1, h, w, self.size])

    def to_rows(self, sites: tf.Tensor) -> tf.Tensor:
        """Return rows ``[N, D]`` of sites ``[N, h, w, S C]``."""
        (h, w), p = self.grid, self.patch
        parts = tf.reshape(sites, [-1, h, w, p, p, self.channels])
        return tf.reshape(tf.transpose(parts, [0, 5, 1, 3, 2, 4]), [-1, h * w * self.size])


class ImageNetwork(tf.Module):
    """Network whose outputs for each pixel depend on the pixels before it alone.

    A subclass writes :meth:`context`, and looks at other sites only through the view that it is
    given. It may write :meth:`above`, for what depends on the rows above alone and is computed a
    row at a time, and :meth:`outputs`, for what happens within a site.

    Attributes:
        context_sees_site: whether the context depends on the site's own earlier values: on its
            colours before.
        remembers: whether a view of one site suffices to draw the next one; if not, each draw
            runs the whole network.

    Args:
        sites: the division of images.
        pixels: the distribution whose parameters the network gives.
        condition_size: K, 0 for none.
    """

    context_sees_site = False
    remembers = True

    def __init__(self, sites: Sites, pixels: Pixels, *, condition_size: int = 0):
        super().__init__()
        self.sites, self.pixels, self.condition_size = sites, pixels, condition_size

    def above(self, view: View, condition: tf.Tensor | None) -> list[tf.Tensor]:
        """Return features ``[..., F]`` of each site that depend on the rows above alone."""
        return []

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """Return features ``[..., F]`` of each site that depend on earlier sites.

        Args:
            view: of the image.
            above: as from :meth:`above`.
            condition: ``[N, K]``, or None.
        """
        raise NotImplementedError

    def outputs(self, context: tf.Tensor, site: tf.Tensor) -> tf.Tensor:
        """Return the parameters of each pixel, ``[..., S, outputs]``.

        Args:
            context: as from :meth:`context`.
            site: the site's scaled values, ``[..., S C]``.
        """
        return context[..., None, :]

    def __call__(
        self,
        sites: tf.Tensor,
        condition: tf.Tensor | None = None,
        *,
        step: tf.Tensor | int | None = None,
    ) -> tf.Tensor:
        """Return parameters ``[N, h, w, S, outputs]`` for levels ``[N, h, w, S C]``.

        Args:
            sites: levels.
            condition: ``[N, K]``, or None.
            step: number of the training step whose features are dropped; None to drop none.
        """
        image = self.pixels.scaled(sites)
        view = WholeImage(image, step=step)
        context = self.context(view, self.above(view, condition), condition)
        return self.outputs(context, image)

    @property
    def masks(self) -> dict[Any, np.ndarray]:
        """Mask of each masked kernel, by ``variable.ref()``."""
        masked = [m for m in self.submodules if hasattr(m, "mask") and hasattr(m, "kernel")]
        return {module.kernel.ref(): module.mask for module in masked}


class ConditionBias(tf.Module):
    """Linear map of a condition ``[N, K]``, which adds to the features of all sites."""

    def __init__(self, condition_size: int, units: int, *, rng: np.random.Generator, dtype: str):
        super().__init__()
        initial = rng.normal(0, 0.1, [condition_size, units])
        self.kernel = tf.Variable(tf.constant(initial, dtype), name="of_condition")

    def __call__(self, condition: tf.Tensor, view: View) -> tf.Tensor:
        """Return features ``[..., units]`` for a view of images."""
        return view.everywhere(tf.linalg.matmul(condition, self.kernel))


def condition_biases(
    condition_size: int, units: list[int], *, rng: np.random.Generator, dtype: str
) -> list[ConditionBias]:
    """Return one :class:`ConditionBias` per layer, none for a network without condition."""
    if not condition_size:
        return []
    return [ConditionBias(condition_size, n, rng=rng, dtype=dtype) for n in units]
