"""Views of an image by a causal network: all pixels at once, one row, or one pixel.

A network that looks at its neighbours only through a view is written once. In training it sees the
whole image. In sampling it sees the row or pixel that is drawn next, and the view remembers the
features of those before, so that each pixel costs its own column of the network and not the whole
of it (Ramachandran et al. 2017, arXiv 1704.06001).

A *site* is what is drawn in one step: a pixel, or a patch of pixels. All places ``(row, column)``
are those of sites, and offsets point to earlier ones.
"""

from __future__ import annotations

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

    def neighbours(self, x: tf.Tensor, offsets: Offsets) -> tf.Tensor:
        """Return features at all offsets, side by side: ``[..., len(offsets) * F]``."""

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
        looks: offsets and number of features of each call of :meth:`neighbours` that remembers.
        image_offsets: all offsets at which the image was looked at.

    Args:
        image: scaled pixels.
        training: whether features are dropped. Which ones is a function of the image, so that a
            training run that resumes drops the same.
    """

    def __init__(self, image: tf.Tensor, *, training: bool = False):
        self.image, self.training = image, training
        self.looks: list[tuple[Offsets, int]] = []
        self.image_offsets: set[tuple[int, int]] = set()
        self._drops = 0

    def of_image(self, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        self.image_offsets.update(offsets)
        return shifted(self.image, offsets)

    def neighbours(self, x: tf.Tensor, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        if offsets == HERE:
            return x
        self.looks.append((offsets, int(x.shape[-1])))
        return shifted(x, offsets)

    def sequence(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])

    def from_sequence(self, y: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        return tf.reshape(y, [-1, *self.image.shape[1:3], y.shape[-1]])

    def remembered(self, x: tf.Tensor) -> tf.Tensor:
        """See :class:`View`."""
        self.looks.append((ANYWHERE, int(x.shape[-1])))
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
        if not self.training or not rate:
            return x
        self._drops += 1
        weights = tf.range(1, tf.size(self.image) + 1) % 8191
        total = tf.reduce_sum(
            tf.reshape(self.image, [-1]) * tf.cast(weights, self.image.dtype) / 8191
        )
        seed = tf.stack([tf.cast(total * 1e3, tf.int32), self._drops])
        kept = tf.random.stateless_uniform(tf.shape(x), seed, dtype=x.dtype) >= rate
        return tf.where(kept, x / (1 - rate), 0)


def shifted(x: tf.Tensor, offsets: Offsets) -> tf.Tensor:
    """Return ``x[n, i + di, j + dj]`` for all offsets ``(di, dj)``, side by side, zero outside."""
    up, left, right = margins(offsets)
    height, width = x.shape[1:3]
    padded = tf.pad(x, [[0, 0], [up, 0], [left, right], [0, 0]])
    return tf.concat(
        [padded[:, up + i : up + i + height, left + j : left + j + width] for i, j in offsets],
        axis=-1,
    )


class Cache:
    """Shape of the remembered features of one layer's input: sites by images by features."""

    def __init__(self, offsets: Offsets, features: int, *, height: int, width: int):
        self.up, self.left, right = margins(offsets)
        # What looks along its own row only needs no other row.
        self.height = height + self.up if self.up else 1
        self.width = self.left + width + right
        self.features = features

    def empty(self, n: Any, dtype: Any) -> tf.Tensor:
        """Return the cache of ``n`` images before the first site, ``[sites, n, F]``."""
        return tf.zeros([self.height * self.width, n, self.features], dtype)

    def index(self, row: Any, column: Any) -> Any:
        """Return where a site is in the cache."""
        row = row + self.up if self.up else 0 * row
        return row * self.width + self.left + column


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
        return self._read(*self.image, offsets)

    def neighbours(self, x: tf.Tensor, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        if offsets == HERE:
            return x
        i = self._next
        self._next += 1
        shape = self.shapes[i]
        places = shape.index(self.row, tf.range(self.width))
        self.caches[i] = tf.tensor_scatter_nd_update(self.caches[i], places[:, None], x)
        return self._read(shape, self.caches[i], offsets)

    def _read(self, shape: Cache, cache: tf.Tensor, offsets: Offsets) -> tf.Tensor:
        places = [shape.index(self.row + i, j + tf.range(self.width)) for i, j in offsets]
        found = tf.gather(cache, tf.stack(places, axis=1))  # [W, offsets, N, F]
        found = tf.transpose(found, [0, 2, 1, 3])
        return tf.reshape(found, [self.width, -1, len(offsets) * shape.features])

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
        return self._read(*self.image, offsets)

    def neighbours(self, x: tf.Tensor, offsets: Offsets) -> tf.Tensor:
        """See :class:`View`."""
        if offsets == HERE:
            return x
        i = self._next
        self._next += 1
        shape = self.shapes[i]
        place = shape.index(self.row, self.column)
        self.caches[i] = tf.tensor_scatter_nd_update(self.caches[i], [[place]], x[None])
        return self._read(shape, self.caches[i], offsets)

    def _read(self, shape: Cache, cache: tf.Tensor, offsets: Offsets) -> tf.Tensor:
        places = [shape.index(self.row + i, self.column + j) for i, j in offsets]
        found = tf.gather(cache, tf.stack(places))  # [offsets, N, F]
        return tf.reshape(tf.transpose(found, [1, 0, 2]), [-1, len(offsets) * shape.features])

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
