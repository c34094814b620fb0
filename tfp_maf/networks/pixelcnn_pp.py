"""PixelCNN++: gated residual blocks of two stacks, at three resolutions with short-cuts.

Salimans et al. 2017 (arXiv 1701.05517), section 2 and figure 2. The blocks take images down to a
quarter of their height and width and back, and each block of the way back also sees its counterpart
of the way there. Blocks as in the authors' code: concatenated ELUs, dropout, a gate.

Unlike there, the horizontal stack also looks at the pixel above to the right, upsampling has
kernels of 2 x 2 in both stacks, and weights are not normalised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfp_maf.networks.image_network import ImageNetwork, Sites, condition_biases
from tfp_maf.networks.masked_conv import MaskedConvolution, convolution_mask, vertical_mask
from tfp_maf.networks.views import View

if TYPE_CHECKING:
    from tfp_maf.distributions.pixels import Pixels

SCALES = (1, 2, 4)
KERNEL = (3, 3)


class GatedBlock(tf.Module):
    """Residual block ``x + a sigma(b)`` with ``a, b = conv(drop(conv(x) + V s + W c))``.

    Every layer takes concatenated ELUs, :func:`both_ways`.

    Args:
        mask: function of the numbers of input and output features, which returns a mask.
        features: number of features.
        shortcut: number of features of s, 0 for none.
        condition_size: K, 0 for none.
        dropout: share of features that are dropped in training.
        options: ``rng`` and ``dtype``.
    """

    def __init__(
        self,
        mask: Any,
        features: int,
        *,
        shortcut: int,
        condition_size: int,
        dropout: float,
        **options: Any,
    ):
        super().__init__()
        self.dropout = dropout
        self.look = MaskedConvolution(mask(2 * features, features), **options)
        self.gate = MaskedConvolution(mask(2 * features, 2 * features), gain=0.1, **options)
        self.of_shortcut = None
        if shortcut:
            everything = np.ones([1, 1, 2 * shortcut, features], np.float32)
            self.of_shortcut = MaskedConvolution(everything, **options)
        self.of_condition = condition_biases(condition_size, [features], **options)

    def __call__(
        self,
        x: tf.Tensor,
        view: View,
        *,
        scale: int,
        shortcut: tf.Tensor | None = None,
        condition: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return features ``[..., F]`` for ``[..., F]``."""
        h = self.look(both_ways(x), view, scale=scale)
        if self.of_shortcut is not None:
            h += self.of_shortcut(both_ways(shortcut), view)
        if condition is not None:
            h += self.of_condition[0](condition, view)
        h = view.dropped(both_ways(h), self.dropout)
        new, gate = tf.split(self.gate(h, view, scale=scale), 2, axis=-1)
        return x + new * tf.sigmoid(gate)


def both_ways(x: tf.Tensor) -> tf.Tensor:
    """Return the ELUs of x and of -x, side by side."""
    return tf.nn.elu(tf.concat([x, -x], axis=-1))


class PixelCNNpp(ImageNetwork):
    """PixelCNN++ of ``num_layers`` blocks per resolution, each way.

    Args:
        image_shape: height, width and number of colours; height and width are multiples of 4.
        pixels: as of :class:`ImageNetwork`.
        num_layers: number of blocks at each of the three resolutions, on the way there and back.
        features: number of features of each layer.
        dropout: share of features that are dropped in training.
        condition_size: K, 0 for none.
        rng: of the initial kernels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        pixels: Pixels,
        *,
        num_layers: int,
        features: int,
        dropout: float,
        condition_size: int,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__(Sites(image_shape), pixels, condition_size=condition_size)
        if image_shape[0] % SCALES[-1] or image_shape[1] % SCALES[-1]:
            raise ValueError(
                f"PixelCNN++ halves images twice: height and width must be multiples of 4, got "
                f"{image_shape[0]} x {image_shape[1]}"
            )
        if pixels.colours_masked and pixels.channels > 1:
            raise ValueError(
                "PixelCNN++ leaves colours to the pixels' distribution: give pixels='logistic'"
            )
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}
        channels, n = self.sites.channels, features

        def rows(n_in: int, n_out: int, mask_type: Any = "B") -> np.ndarray:
            return vertical_mask(KERNEL, n_in, n_out, mask_type=mask_type)

        def before(n_in: int, n_out: int, mask_type: Any = "B") -> np.ndarray:
            return convolution_mask(KERNEL, n_in, n_out, mask_type=mask_type)

        def blocks(mask: Any, shortcut: int) -> list[GatedBlock]:
            keywords: dict[str, Any] = {"condition_size": condition_size, "dropout": dropout}
            return [
                GatedBlock(mask, n, shortcut=shortcut, **keywords, **options)
                for _ in range(num_layers * len(SCALES))
            ]

        def between(mask: Any, factor: int) -> list[MaskedConvolution]:
            return [MaskedConvolution(mask(n, factor * n), **options) for _ in SCALES[1:]]

        def alone(n_in: int, n_out: int) -> np.ndarray:
            return np.ones([1, 1, n_in, n_out], np.float32)

        self.num_layers = num_layers
        # The vertical stack: first layer, blocks there and back, and what changes the resolution.
        self.rows_first = MaskedConvolution(rows(channels, n, "A"), **options)
        self.rows_there, self.rows_back = blocks(rows, 0), blocks(rows, n)
        self.rows_down, self.rows_up = between(rows, 1), between(alone, 4)
        # The horizontal stack, each block of which also sees the vertical stack's.
        self.first = MaskedConvolution(before(channels, n, "A"), **options)
        self.there, self.back = blocks(before, n), blocks(before, 2 * n)
        self.down, self.up = between(before, 1), between(alone, 4)
        self.last = MaskedConvolution(alone(n, pixels.outputs), gain=0.1, **options)
        self.last.bias.assign(pixels.initial_bias(rng))

    def _scales(self) -> list[int]:
        """Return the scale of each block on the way there."""
        return [scale for scale in SCALES for _ in range(self.num_layers)]

    def above(self, view: View, condition: tf.Tensor | None) -> list[tf.Tensor]:
        """Return the vertical stack's features after each block, there and back."""
        u = self.rows_first.of_image(view)
        there, back, scale = [u], [], 1
        for block, next_scale in zip(self.rows_there, self._scales(), strict=True):
            if next_scale > scale:
                u = self.rows_down[SCALES.index(scale)](u, view, scale=scale, stride=2)
                scale = next_scale
            u = block(u, view, scale=scale, condition=condition)
            there.append(u)
        for i, block in enumerate(self.rows_back):
            if i and i % self.num_layers == 0:
                u = view.doubled(self.rows_up[i // self.num_layers - 1](u, view), scale=scale)
                scale //= 2
            shortcut = there[len(self.rows_back) - i]
            u = block(u, view, scale=scale, shortcut=shortcut, condition=condition)
            back.append(u)
        return there + back

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """See :class:`ImageNetwork`."""
        rows_there, rows_back = above[: len(self.there) + 1], above[len(self.there) + 1 :]
        x = self.first.of_image(view) + rows_there[0]
        there, scale = [], 1
        for i, (block, next_scale) in enumerate(zip(self.there, self._scales(), strict=True)):
            if next_scale > scale:
                x = self.down[SCALES.index(scale)](x, view, scale=scale, stride=2)
                scale = next_scale
            x = block(x, view, scale=scale, shortcut=rows_there[i + 1], condition=condition)
            there.append(x)
        for i, block in enumerate(self.back):
            if i and i % self.num_layers == 0:
                x = view.doubled(self.up[i // self.num_layers - 1](x, view), scale=scale)
                scale //= 2
            shortcut = tf.concat([rows_back[i], there[-1 - i]], axis=-1)
            x = block(x, view, scale=scale, shortcut=shortcut, condition=condition)
        return self.last(tf.nn.elu(x), view)
