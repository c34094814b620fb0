"""PixelCNN and Gated PixelCNN, networks of masked convolutions.

* :class:`PixelCNN`: residual blocks of one stack (van den Oord et al. 2016a, arXiv 1601.06759,
  figure 5 and table 1);
* :class:`GatedPixelCNN`: gated layers of a vertical and a horizontal stack, conditional on a label
  or vector (van den Oord et al. 2016b, arXiv 1606.05328, figure 2 and equation 4).

Unlike there, the first layer has a bias for each pixel, which tells where it is, and kernels may be
dilated: six layers of neighbours see nine pixels far and, in the middle of a digit, not the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfp_maf.networks.image_network import ImageNetwork, Sites, condition_biases
from tfp_maf.networks.masked_conv import (
    ConvolutionMaskType,
    MaskedConvolution,
    convolution_mask,
    vertical_mask,
)
from tfp_maf.networks.views import View

if TYPE_CHECKING:
    from tfp_maf.distributions.pixels import Pixels

FIRST_KERNEL, KERNEL = 7, 3


class PixelNetwork(ImageNetwork):
    """Network of masked convolutions over pixels; ``features`` must divide among the colours.

    Args:
        image_shape: height, width and number of colours.
        pixels: as of :class:`ImageNetwork`.
        num_layers: number of residual blocks, or gated layers, after the first.
        features: number of features of each layer.
        dilations: distances of the pixels that the layers' kernels look at, in turn.
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
        dilations: Sequence[int],
        condition_size: int,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__(Sites(image_shape), pixels, condition_size=condition_size)
        self.features = features
        self.dilations = tuple(islice(cycle(dilations), num_layers))
        # Where colours depend on each other in the distribution, no feature sees its own pixel.
        self.colours = pixels.channels if pixels.colours_masked else 1
        if features % (2 * self.colours):
            raise ValueError(
                f"features must be a multiple of {2 * self.colours}, twice the colours that see "
                f"each other, got {features}"
            )
        self.context_sees_site = self.colours > 1
        self._options = {"rng": rng, "dtype": dtype}

    def _convolution(
        self,
        size: tuple[int, int],
        n_in: int,
        n_out: int,
        *,
        mask_type: ConvolutionMaskType = "B",
        gain: float = 1.0,
        dilation: int = 1,
    ) -> MaskedConvolution:
        mask = convolution_mask(size, n_in, n_out, mask_type=mask_type, channels=self.colours)
        return MaskedConvolution(mask, gain=gain, dilation=dilation, **self._options)  # type: ignore[arg-type]

    def _place(self, n: int) -> tf.Variable:
        """Return a bias of n features for each pixel, ``[height, width, n]``."""
        return tf.Variable(tf.zeros([*self.sites.grid, n], self._options["dtype"]), name="place")

    def _head(self) -> list[MaskedConvolution]:
        """Return the two layers of 1 x 1 kernels that end the network."""
        last = self._convolution((1, 1), self.features, self.pixels.outputs, gain=0.1)
        last.bias.assign(self.pixels.initial_bias(self._options["rng"]))  # type: ignore[arg-type]
        return [self._convolution((1, 1), self.features, self.features), last]


class PixelCNN(PixelNetwork):
    """PixelCNN: a convolution with mask A, residual blocks with mask B, two of 1 x 1 pixels.

    A block takes the features h to half as many and back,
    ``h + conv1(relu(conv3(relu(conv1(relu(h))))))``.
    """

    def __init__(self, *arguments: object, **options: object):
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        features, half = self.features, self.features // 2
        first = (FIRST_KERNEL, FIRST_KERNEL)
        self.first = self._convolution(first, self.sites.channels, features, mask_type="A")
        self.place = self._place(features)
        self.blocks = [
            [
                self._convolution((1, 1), features, half),
                self._convolution((KERNEL, KERNEL), half, half, dilation=dilation),
                self._convolution((1, 1), half, features, gain=0.5),
            ]
            for dilation in self.dilations
        ]
        self.head = self._head()
        units = [features] + [half] * len(self.blocks)
        self.of_condition = condition_biases(self.condition_size, units, **self._options)  # type: ignore[arg-type]

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """See :class:`ImageNetwork`."""

        def given(i: int) -> tf.Tensor | float:
            return 0.0 if condition is None else self.of_condition[i](condition, view)

        h = self.first.of_image(view) + view.at_place(self.place) + given(0)
        for i, (narrow, look, widen) in enumerate(self.blocks):
            inner = look(tf.nn.relu(narrow(tf.nn.relu(h), view)), view) + given(i + 1)
            h += widen(tf.nn.relu(inner), view)
        for layer in self.head:
            h = layer(tf.nn.relu(h), view)
        return h


class GatedPixelCNN(PixelNetwork):
    """Gated PixelCNN: ``y = tanh(W_f * x + V_f c) sigma(W_g * x + V_g c)`` in every layer.

    The vertical stack sees the rows above and feeds the horizontal one, which sees the pixels to
    the left; so no pixel before is hidden from any.
    """

    def __init__(self, *arguments: object, **options: object):
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        n, channels = self.features, self.sites.channels
        layers: list[tuple[int, int, ConvolutionMaskType, int]] = [(FIRST_KERNEL, channels, "A", 1)]
        layers += [(KERNEL, n, "B", dilation) for dilation in self.dilations]
        self.vertical, self.horizontal, self.down, self.residual = [], [], [], []
        self.vertical_place, self.horizontal_place = self._place(2 * n), self._place(2 * n)
        for size, n_in, mask_type, dilation in layers:
            mask = vertical_mask((size, size), n_in, 2 * n, mask_type=mask_type)
            self.vertical.append(MaskedConvolution(mask, dilation=dilation, **self._options))  # type: ignore[arg-type]
            self.horizontal.append(
                self._convolution((1, size), n_in, 2 * n, mask_type=mask_type, dilation=dilation)
            )
            # All that the vertical stack sees is earlier: its features have no colours.
            mask = np.ones([1, 1, 2 * n, 2 * n], np.float32)
            self.down.append(MaskedConvolution(mask, **self._options))  # type: ignore[arg-type]
            self.residual.append(self._convolution((1, 1), n, n))
        self.head = self._head()
        units = [2 * n] * 2 * len(layers)
        self.of_condition = condition_biases(self.condition_size, units, **self._options)  # type: ignore[arg-type]

    def above(self, view: View, condition: tf.Tensor | None) -> list[tf.Tensor]:
        """Return each layer's features of the vertical stack, before its gates."""
        features: list[tf.Tensor] = []
        for i, layer in enumerate(self.vertical):
            if i == 0:
                v = layer.of_image(view) + view.at_place(self.vertical_place)
            else:
                v = layer(gated(features[-1]), view)
            if condition is not None:
                v += self.of_condition[2 * i](condition, view)
            features.append(v)
        return features

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """See :class:`ImageNetwork`."""
        h: tf.Tensor | None = None
        for i, layer in enumerate(self.horizontal):
            if h is None:
                left = layer.of_image(view) + view.at_place(self.horizontal_place)
            else:
                left = layer(h, view)
            left += self.down[i](above[i], view)
            if condition is not None:
                left += self.of_condition[2 * i + 1](condition, view)
            new = self.residual[i](gated(left, colours=self.colours), view)
            h = new if h is None else h + new
        for last in self.head:
            h = last(tf.nn.relu(h), view)
        return h


def gated(x: tf.Tensor, *, colours: int = 1) -> tf.Tensor:
    """Return ``tanh(f) sigma(g)``; each colour's block of features is half f and half g."""
    blocks = tf.split(x, 2 * colours, axis=-1)
    gates = [tf.tanh(f) * tf.sigmoid(g) for f, g in zip(blocks[::2], blocks[1::2], strict=True)]
    return gates[0] if colours == 1 else tf.concat(gates, axis=-1)
