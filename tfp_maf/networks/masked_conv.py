"""Masked convolutions, which are to a convolution what a masked dense layer is to a dense layer.

A kernel is multiplied by a mask that is zero below its centre, and to the right of it in its own
row, so that a pixel's outputs depend on the pixels before it in raster order (van den Oord et al.
2016a, arXiv 1601.06759, section 3.4). At the centre, mask A of the first layer lets no value see
itself, mask B of all others does; of an RGB pixel, G sees R, and B sees R and G (figure 2).

A stack of such layers has a blind spot: pixels above and to the right that no path reaches. Two
stacks mend it, one of whole rows above, one of the pixels to the left (van den Oord et al. 2016b,
arXiv 1606.05328, section 2.2): :func:`vertical_mask`, and :func:`convolution_mask` of one row.

Masks are NumPy arrays; the layer is TensorFlow.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import tensorflow as tf

from tfp_maf.networks.masked_dense import gen_mask
from tfp_maf.networks.views import Offsets, View, WholeImage

ConvolutionMaskType = Literal["A", "B"]
# Which centre connections a mask has, as the masks of dense layers are called.
DENSE_MASK = {"A": "exclusive", "B": "inclusive"}


def convolution_mask(
    kernel_size: tuple[int, int],
    n_in: int,
    n_out: int,
    *,
    mask_type: ConvolutionMaskType,
    channels: int = 1,
) -> np.ndarray:
    """Return the mask of a convolution's kernel.

    Features are divided into equal blocks, one per colour, in the order R, G, B; at the centre
    the mask is that of a dense layer by blocks (:func:`tfp_maf.networks.masked_dense.gen_mask`).

    Args:
        kernel_size: height and width of the kernel, both odd.
        n_in, n_out: number of input and output features, multiples of ``channels``.
        mask_type: ``"A"`` for the layer that reads the image, ``"B"`` for all others.
        channels: number of colours of the image.

    Returns:
        float32 ``[height, width, n_in, n_out]`` of zeros and ones. For one grey row::

            >>> convolution_mask((1, 5), 1, 1, mask_type="A").ravel().tolist()
            [1.0, 1.0, 0.0, 0.0, 0.0]

    Raises:
        ValueError: A size is even or below 1, ``channels`` does not divide the features, or
            ``mask_type`` is unknown.
    """
    _check(kernel_size, n_in, n_out, mask_type=mask_type, channels=channels)
    height, width = kernel_size
    mask = np.zeros([height, width, n_in, n_out], np.float32)
    mask[: height // 2] = 1
    mask[height // 2, : width // 2] = 1
    at_centre = gen_mask(channels, n_in, n_out, mask_type=DENSE_MASK[mask_type])  # type: ignore[arg-type]
    mask[height // 2, width // 2] = at_centre.T
    return mask


def vertical_mask(
    kernel_size: tuple[int, int], n_in: int, n_out: int, *, mask_type: ConvolutionMaskType
) -> np.ndarray:
    """Return the mask of the vertical stack: rows above the centre and, in mask B, its own row.

    Features of the first layer, mask A, depend on the rows above alone; so do those of the layers
    over it, although they look at their whole own row.

    Args:
        kernel_size, n_in, n_out, mask_type: see :func:`convolution_mask`. All colours of the rows
            above may be seen, so that features have no colours.

    Returns:
        float32 ``[height, width, n_in, n_out]``.

    Raises:
        ValueError: See :func:`convolution_mask`; with mask A, a height of 1 sees nothing.
    """
    _check(kernel_size, n_in, n_out, mask_type=mask_type, channels=1)
    mask = np.zeros([*kernel_size, n_in, n_out], np.float32)
    mask[: kernel_size[0] // 2 + (mask_type == "B")] = 1
    if not mask.any():
        raise ValueError("a vertical mask A needs a kernel of at least 3 rows: it sees those above")
    return mask


def _check(
    kernel_size: tuple[int, int], n_in: int, n_out: int, *, mask_type: str, channels: int
) -> None:
    if mask_type not in DENSE_MASK:
        raise ValueError(f"mask_type must be 'A' or 'B', got {mask_type!r}")
    if min(*kernel_size, n_in, n_out, channels) < 1:
        raise ValueError(
            f"sizes must be positive, got {kernel_size=}, {n_in=}, {n_out=}, {channels=}"
        )
    if kernel_size[0] % 2 == 0 or kernel_size[1] % 2 == 0:
        raise ValueError(f"kernel_size must be odd, to have a centre, got {kernel_size}")
    for name, features in (("n_in", n_in), ("n_out", n_out)):
        if features % channels:
            raise ValueError(f"channels={channels} does not divide {name}={features}")


def offsets_of(mask: np.ndarray) -> Offsets:
    """Return the places ``(row, column)``, relative to the centre, that a mask's kernel looks at.

    All places up to the last that is not masked altogether are kept, at least one, so that they
    are the first ones of the flattened kernel.
    """
    height, width = mask.shape[:2]
    is_used = mask.any(axis=(2, 3)).ravel()
    last = int(np.flatnonzero(is_used).max(initial=0))
    return tuple((i // width - height // 2, i % width - width // 2) for i in range(last + 1))


class MaskedConvolution(tf.Module):
    """Convolution with a masked kernel: ``patches(x) @ (mask * kernel) + bias``.

    The mask is applied in the call: no optimizer and no assignment can connect what it separates.
    The convolution is written as a product of two matrices, the patches that the kernel covers
    (only as far as the mask lets it look) and the kernel, because XLA's convolutions are slow on
    CPUs inside compiled loops.

    Attributes:
        mask: ``[height, width, n_in, n_out]``.
        kernel, bias: variables ``[height, width, n_in, n_out]`` and ``[n_out]``.

    Args:
        mask: as from :func:`convolution_mask` or :func:`vertical_mask`.
        rng: of the initial kernel, normal with the variance 2 / unmasked inputs (He et al. 2015)
            times ``gain`` squared.
        gain: factor of the initial kernel.
        dilation: distance in rows and columns of the pixels that the kernel looks at, 1 for
            neighbours (Yu and Koltun 2016, arXiv 1511.07122). They stay earlier ones.
    """

    def __init__(
        self,
        mask: np.ndarray,
        *,
        rng: np.random.Generator,
        dtype: str,
        gain: float = 1.0,
        dilation: int = 1,
    ):
        super().__init__()
        self.mask = mask
        self.offsets = tuple((dilation * i, dilation * j) for i, j in offsets_of(mask))
        fan_in = np.maximum(mask.sum(axis=(0, 1, 2)), 1)
        initial = gain * np.sqrt(2 / fan_in) * mask * rng.standard_normal(mask.shape)
        self.kernel = tf.Variable(tf.constant(initial, dtype), name="kernel")
        self.bias = tf.Variable(tf.zeros([mask.shape[-1]], dtype), name="bias")

    def __call__(
        self, x: tf.Tensor, view: View | None = None, *, scale: int = 1, stride: int = 1
    ) -> tf.Tensor:
        """Map features ``[N, H, W, n_in]`` to ``[N, H, W, n_out]``, zero beyond the border.

        With the view of a row or of one pixel, map that row's features ``[W, N, n_in]``, or that
        pixel's ``[N, n_in]``; the view remembers those of the pixels before.

        Args:
            x: features.
            view: of the image; all of it by default.
            scale, stride: see :meth:`View.neighbours`.
        """
        view = WholeImage(x) if view is None else view
        return self.of_patches(view.neighbours(x, self.offsets, scale=scale, stride=stride))

    def of_image(self, view: View) -> tf.Tensor:
        """Map the image itself, of which a view of one pixel knows the pixels before."""
        return self.of_patches(view.of_image(self.offsets))

    def of_patches(self, patches: tf.Tensor) -> tf.Tensor:
        """Map the features of all places looked at, ``[..., len(offsets) * n_in]``."""
        height, width, n_in, n_out = self.mask.shape
        kernel = self.kernel * tf.constant(self.mask, self.kernel.dtype)
        kernel = tf.reshape(kernel, [height * width, n_in, n_out])[: len(self.offsets)]
        flat = tf.reshape(kernel, [len(self.offsets) * n_in, n_out])
        return tf.tensordot(patches, flat, axes=1) + self.bias
