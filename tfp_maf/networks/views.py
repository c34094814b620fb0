"""Views of an image by a causal network: all pixels at once, one row, or one pixel.

A network that looks at its neighbours only through a view is written once. In training it sees the
whole image. In sampling it sees the row or pixel that is drawn next, and the view remembers the
features of those before, so that each pixel costs its own column of the network and not the whole
of it (Ramachandran et al. 2017, arXiv 1704.06001).

A *site* is what is drawn in one step: a pixel, or a patch of pixels. All places ``(row, column)``
are those of sites, and offsets point to earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

Offsets = tuple[tuple[int, int], ...]
HERE: Offsets = ((0, 0),)
# Offsets whose cache holds every site: attention looks at any of them.
ANYWHERE: Offsets = ((-1, 0), (0, 0))


class View(Protocol):
    """What a network sees of an image; features ``[..., F]`` have the view's leading axes."""

    def of_image(self, offsets: Offsets) -> tf.Tensor:
        """Return the image at all offsets, side by side: ``[..., len(offsets) * C]``."""

    def neighbours(
        self, x: tf.Tensor, offsets: Offsets, *, scale: int = 1, stride: int = 1
    ) -> tf.Tensor:
        """Return features at all offsets, side by side: ``[..., len(offsets) * F]``.

        Args:
            x: features at each ``scale``-th row and column of sites.
            offsets: in rows and columns of x.
            scale: 1 for all sites, 2 for every other one.
            stride: 2 to look from every other row and column of x only.
        """

    def doubled(self, x: tf.Tensor, *, scale: int) -> tf.Tensor:
        """Return features at every row and column of twice as fine a grid.

        Args:
            x: ``[..., 4 F]`` at each ``scale``-th row and column: those of the four sites of the
                finer grid, F for each.
            scale: even.
        """

    def sequence(self, x: tf.Tensor) -> tf.Tensor:
        """Return features ``[..., F]`` as those of Q sites in raster order, ``[N, Q, F]``."""

    def from_sequence(self, y: tf.Tensor) -> tf.Tensor:
        """Return ``[N, Q, F]`` as features ``[..., F]``."""

    def remembered(self, x: tf.Tensor) -> tf.Tensor:
        """Return features of all sites in raster order, ``[N, H W, F]``; zero where unknown."""

    def places(self, width: int) -> tf.Tensor:
        """Return the numbers ``[Q]`` of the view's sites in raster order."""

    def everywhere(self, vector: tf.Tensor) -> tf.Tensor:
        """Return a vector per image, ``[N, F]``, so that it adds to features."""

    def at_place(self, table: tf.Tensor) -> tf.Tensor:
        """Return a table over sites, ``[H, W, F]``, so that it adds to features."""

    def dropped(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Return features with a share of them set to zero, in training alone."""


def margins(offsets: Offsets) -> tuple[int, int, int]:
    """Return how far offsets reach: up, to the left and to the right."""
    rows, columns = zip(*offsets, strict=True)
    return -min(rows), max(0, -min(columns)), max(0, *columns)


class WholeImage:
    """View of whole images ``[N, H, W, C]``; sites beyond the border are zero.

    Attributes:
        looks: each call of :meth:`neighbours` that needs features of other sites.
        image_offsets: all offsets at which the image was looked at.

    Args:
        image: scaled pixels.
        step: number of the training step; None drops no features. Which ones are dropped is a
            function of the step and of the images, so that a training run that resumes drops the
            same, and an image others each time.
    """

    def __init__(self, image: tf.Tensor, *, step: tf.Tensor | int | None = None):
        self.image, self.step = image, step
        self.looks: list[Look] = []
        self.image_offsets: set[tuple[int, int]] = set()
        self._drops = 0

    def of_image(self, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        self.image_offsets.update(offsets)
        return shifted(self.image, offsets)

    def neighbours(
        self, x: tf.Tensor, offsets: Offsets, *, scale: int = 1, stride: int = 1
    ) -> tf.Tensor:
        """See :class:`View`."""
        if offsets == HERE and stride == 1:
            return x
        self.looks.append(Look(offsets, int(x.shape[-1]), scale=scale, stride=stride))
        found = shifted(x, offsets)
        return found if stride == 1 else found[:, ::stride, ::stride]

    def doubled(self, x: tf.Tensor, *, scale: int) -> tf.Tensor:
        """See :class:`View`."""
        height, width, features = x.shape[1], x.shape[2], x.shape[3] // 4
        parts = tf.reshape(x, [-1, height, width, 2, 2, features])
        fine = tf.transpose(parts, [0, 1, 3, 2, 4, 5])
        return tf.reshape(fine, [-1, 2 * height, 2 * width, features])

    def sequence(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])

    def from_sequence(self, y: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.reshape(y, [-1, *self.image.shape[1:3], y.shape[-1]])

    def remembered(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        self.looks.append(Look(ANYWHERE, int(x.shape[-1])))
        return self.sequence(x)

    def places(self, width: int) -> tf.Tensor:
        """See :class:`View`."""
        return tf.range(self.image.shape[1] * width)

    def everywhere(self, vector: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return vector[:, None, None, :]

    def at_place(self, table: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return table

    def dropped(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """See :class:`View`."""
        if self.step is None or not rate:
            return x
        self._drops += 1
        seed = digest(self.image) + tf.cast(self.step, tf.int32) * 1_000_003 + self._drops
        kept = scattered(seed, tf.shape(x)) >= rate
        return tf.where(kept, x / (1 - rate), 0)


def digest(image: tf.Tensor) -> tf.Tensor:
    """Return a whole number that tells images apart, on every machine the same one.

    A sum of floats would depend on its order, and so on the machine; whole numbers wrap around.
    """
    bits = tf.reshape(tf.bitcast(image, tf.int32), [-1])
    bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, 20))
    return tf.reduce_sum(bits * tf.range(1, tf.size(bits) + 1))


def scattered(seed: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Return numbers between 0 and 1 that look random, a function of a seed and of the place.

    The places' numbers are mixed as MurmurHash3 does at its end. ``tf.random`` has better numbers,
    but XLA on a CPU computes them again for each neighbour that looks at a feature, which took four
    fifths of a PixelCNN++'s forward pass.
    """
    bits = tf.range(tf.reduce_prod(shape)) + seed * 747_796_405
    for shift, factor in ((16, -2_048_144_789), (13, -1_028_477_387), (16, 1)):
        # In place of a shift of unsigned numbers, which TensorFlow does not have for int32.
        high = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, shift), (1 << (32 - shift)) - 1)
        bits = tf.bitwise.bitwise_xor(bits, high) * factor
    return tf.reshape(tf.cast(bits, tf.float32) / 2**32 + 0.5, shape)


def up_to_border(offsets: Offsets, *, height: int, width: int) -> Offsets:
    """Return offsets, those that reach beyond any border just beyond it: all is zero there."""
    return tuple((max(i, -height), min(max(j, -width), width)) for i, j in offsets)


def shifted(x: tf.Tensor, offsets: Offsets) -> tf.Tensor:
    """Return ``x[n, i + di, j + dj]`` for all offsets ``(di, dj)``, side by side, zero outside."""
    height, width = x.shape[1:3]
    offsets = up_to_border(offsets, height=height, width=width)
    up, left, right = margins(offsets)
    padded = tf.pad(x, [[0, 0], [up, 0], [left, right], [0, 0]])
    return tf.concat(
        [padded[:, up + i : up + i + height, left + j : left + j + width] for i, j in offsets],
        axis=-1,
    )


@dataclass(frozen=True)
class Look:
    """Arguments of one call of :meth:`View.neighbours`, with the number of features."""

    offsets: Offsets
    features: int
    scale: int = 1
    stride: int = 1


class Cache:
    """Remembered features of one layer's input: sites by images by features.

    Args:
        look: at what the layer looks.
        height, width: numbers of rows and columns of sites.
    """

    def __init__(self, look: Look, *, height: int, width: int):
        self.look, self.features = look, look.features
        height, width = height // look.scale, width // look.scale
        self.grid = {"height": height, "width": width}
        self.up, self.left, right = margins(up_to_border(look.offsets, **self.grid))
        # What looks along its own row only needs no other row.
        self.keeps_rows = self.up > 0 or look.stride > 1
        self.height = height + self.up if self.keeps_rows else 1
        self.width = self.left + width + right

    def empty(self, n: Any, dtype: Any) -> tf.Tensor:
        """Return the cache of ``n`` images before the first site, ``[sites, n, F]``."""
        return tf.zeros([self.height * self.width, n, self.features], dtype)

    def index(self, row: Any, column: Any) -> Any:
        """Return where a row and column of the layer's grid are in the cache."""
        row = row + self.up if self.keeps_rows else 0 * row
        return row * self.width + self.left + column

    def own(self, row: Any, column: Any) -> Any:
        """Return where the features of the site ``(row, column)`` are put."""
        return self.index(row // self.look.scale, column // self.look.scale)

    def looked_at(self, row: Any, column: Any) -> Any:
        """Return where the site ``(row, column)`` looks, along a new last axis."""
        scale, stride = self.look.scale, self.look.stride
        row, column = row // (scale * stride) * stride, column // (scale * stride) * stride
        return self.at(row, column, self.look.offsets)

    def at(self, row: Any, column: Any, offsets: Offsets) -> tf.Tensor:
        """Return where the sites at offsets from ``(row, column)`` are, along a new last axis."""
        reached = up_to_border(offsets, **self.grid)
        return tf.stack([self.index(row + i, column + j) for i, j in reached], axis=-1)


class OneRow:
    """View of the row ``row`` of sites, ``[W, N, F]``.

    Args:
        row: its number.
        image: the image drawn so far, and its cache's shape.
        caches: of the calls of :meth:`neighbours`, in their order; replaced as features come.
        shapes: their shapes.
    """

    def __init__(
        self,
        row: Any,
        image: tuple[Cache, tf.Tensor],
        caches: list[tf.Tensor],
        shapes: list[Cache],
        *,
        width: int,
    ):
        self.row, self.image, self.caches, self.shapes = row, image, caches, shapes
        self.width = width
        self._next = 0

    def of_image(self, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        shape, cache = self.image
        places = shape.at(self.row, tf.range(self.width), offsets)
        return self._side_by_side(tf.gather(cache, places))

    def neighbours(
        self, x: tf.Tensor, offsets: Offsets, *, scale: int = 1, stride: int = 1
    ) -> tf.Tensor:
        """See :class:`View`."""
        if offsets == HERE and stride == 1:
            return x
        i = self._next
        self._next += 1
        shape = self.shapes[i]
        places = shape.own(self.row, tf.range(0, self.width, scale))
        self.caches[i] = tf.tensor_scatter_nd_update(self.caches[i], places[:, None], x)
        looked = shape.looked_at(self.row, tf.range(0, self.width, scale * stride))
        return self._side_by_side(tf.gather(self.caches[i], looked))

    @staticmethod
    def _side_by_side(found: tf.Tensor) -> tf.Tensor:
        """Return ``[W, N, offsets * F]`` for ``[W, offsets, N, F]``."""
        width, offsets, _, features = found.shape
        return tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [width, -1, offsets * features])

    def doubled(self, x: tf.Tensor, *, scale: int) -> tf.Tensor:
        """See :class:`View`."""
        width, features = x.shape[0], x.shape[2] // 4
        parts = tf.reshape(x, [width, -1, 2, 2, features])[:, :, self.row // (scale // 2) % 2]
        return tf.reshape(tf.transpose(parts, [0, 2, 1, 3]), [2 * width, -1, features])

    def sequence(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.transpose(x, [1, 0, 2])

    def from_sequence(self, y: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.transpose(y, [1, 0, 2])

    def remembered(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        self.neighbours(x, ANYWHERE)
        return tf.transpose(self.caches[self._next - 1][self.width :], [1, 0, 2])

    def places(self, width: int) -> tf.Tensor:
        """See :class:`View`."""
        return self.row * width + tf.range(width)

    def everywhere(self, vector: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return vector

    def at_place(self, table: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.gather(table, self.row)[:, None, :]

    def dropped(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """See :class:`View`."""
        return x


class OneSite:
    """View of the site ``(row, column)``, ``[N, F]``; arguments as of :class:`OneRow`."""

    def __init__(
        self,
        row: Any,
        column: Any,
        image: tuple[Cache, tf.Tensor],
        caches: list[tf.Tensor],
        shapes: list[Cache],
    ):
        self.row, self.column, self.image = row, column, image
        self.caches, self.shapes = caches, shapes
        self._next = 0

    def of_image(self, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        shape, cache = self.image
        return self._side_by_side(tf.gather(cache, shape.at(self.row, self.column, offsets)))

    def neighbours(
        self, x: tf.Tensor, offsets: Offsets, *, scale: int = 1, stride: int = 1
    ) -> tf.Tensor:
        """See :class:`View`."""
        if offsets == HERE and stride == 1:
            return x
        i = self._next
        self._next += 1
        shape = self.shapes[i]
        place = shape.own(self.row, self.column)
        self.caches[i] = tf.tensor_scatter_nd_update(self.caches[i], [[place]], x[None])
        looked = shape.looked_at(self.row, self.column)
        return self._side_by_side(tf.gather(self.caches[i], looked))

    @staticmethod
    def _side_by_side(found: tf.Tensor) -> tf.Tensor:
        """Return ``[N, offsets * F]`` for ``[offsets, N, F]``."""
        offsets, _, features = found.shape
        return tf.reshape(tf.transpose(found, [1, 0, 2]), [-1, offsets * features])

    def doubled(self, x: tf.Tensor, *, scale: int) -> tf.Tensor:
        """See :class:`View`."""
        parts = tf.reshape(x, [-1, 2, 2, x.shape[1] // 4])
        return parts[:, self.row // (scale // 2) % 2, self.column // (scale // 2) % 2]

    def sequence(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return x[:, None]

    def from_sequence(self, y: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return y[:, 0]

    def remembered(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        self.neighbours(x, ANYWHERE)
        i = self._next - 1
        return tf.transpose(self.caches[i][self.shapes[i].width :], [1, 0, 2])

    def places(self, width: int) -> tf.Tensor:
        """See :class:`View`."""
        return (self.row * width + self.column)[None]

    def everywhere(self, vector: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return vector

    def at_place(self, table: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return table[self.row, self.column]

    def dropped(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """See :class:`View`."""
        return x
