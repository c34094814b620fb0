"""Network over patches: masked convolutions between them, a MADE within each.

An image of patches has few sites, so that wide features are affordable: the context of a patch is a
residual network of masked convolutions over the patches before it, and a MADE (Germain et al. 2015,
arXiv 1502.03509) within the patch, conditional on that context, takes its pixels one after the
other. Both halves of the past are thus seen, all earlier patches and the earlier pixels of the own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfp_maf.networks.image_network import ImageNetwork, Sites, condition_biases
from tfp_maf.networks.masked_conv import MaskedConvolution, convolution_mask
from tfp_maf.networks.masked_dense import made_masks
from tfp_maf.networks.views import View

if TYPE_CHECKING:
    from tfp_maf.distributions.pixels import Pixels


KERNEL = 3
# The first layer sees all patches of so many rows, at a small price since patches have few values;
# so there is no blind spot to the right of what narrow kernels reach.
ROWS_ABOVE = 3


class ContextMade(tf.Module):
    """MADE over a patch's values, every layer of which also sees the context.

    Hidden layers are residual. Units of degree 0 see the context alone: through them it reaches
    the first value.

    Args:
        degrees: position of each value of the patch in its order, from 1; ``[S C]``.
        output_degrees: degree of each output: it depends on values of lower degrees, ``[O]``.
        context_size: number of features of the context.
        hidden_units: sizes of the hidden layers, all equal.
        output_bias: initial outputs, ``[O]``.
        rng: of the initial kernels.
    """

    def __init__(
        self,
        degrees: np.ndarray,
        output_degrees: np.ndarray,
        *,
        context_size: int,
        hidden_units: list[int],
        output_bias: np.ndarray,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__()
        last = int(output_degrees.max())
        hidden = [np.arange(units) * last // units for units in hidden_units]
        masks = made_masks([degrees, *hidden])[:-1]
        masks.append((hidden[-1] if hidden else degrees)[:, None] < output_degrees[None])
        self.layers = [
            MaskedLayer(mask, context_size, rng=rng, dtype=dtype, gain=gain)
            for mask, gain in zip(masks, [1.0] * len(hidden) + [0.1], strict=True)
        ]
        self.layers[-1].bias.assign(output_bias)

    def __call__(self, values: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        """Return outputs ``[..., O]`` for scaled values ``[..., S C]`` and context ``[..., F]``."""
        h = values
        for i, layer in enumerate(self.layers):
            new = layer(h if i == 0 else tf.nn.relu(h), context)
            is_residual = 0 < i < len(self.layers) - 1
            h = h + new if is_residual else new
        return h


class MaskedLayer(tf.Module):
    """Dense layer ``h @ (mask * kernel) + context @ of_context + bias``.

    Args:
        mask: ``[n_in, n_out]``.
        context_size: number of features of the context, which reaches all units.
        gain: factor of the initial kernels.
    """

    def __init__(
        self,
        mask: np.ndarray,
        context_size: int,
        *,
        rng: np.random.Generator,
        dtype: str,
        gain: float,
    ):
        super().__init__()
        self.mask = mask.astype(np.float32)
        fan_in = np.maximum(self.mask.sum(axis=0), 1)
        kernel = self.mask * rng.standard_normal(mask.shape) * np.sqrt(1 / fan_in)
        context = rng.standard_normal([context_size, mask.shape[1]]) / np.sqrt(context_size)
        self.kernel = tf.Variable(tf.constant(gain * kernel, dtype), name="kernel")
        self.of_context = tf.Variable(tf.constant(gain * context, dtype), name="of_context")
        self.bias = tf.Variable(tf.zeros([mask.shape[1]], dtype), name="bias")

    def __call__(self, h: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        """Map features ``[..., n_in]`` and context ``[..., F]`` to ``[..., n_out]``."""
        kernel = self.kernel * tf.constant(self.mask, self.kernel.dtype)
        return (
            tf.tensordot(h, kernel, axes=1)
            + tf.tensordot(context, self.of_context, axes=1)
            + self.bias
        )


class WithinSites(ImageNetwork):
    """Network with a MADE within each site, which sees the context: a base class.

    Attributes:
        within: the MADE.
    """

    within: ContextMade

    def made_within(
        self, context_size: int, hidden_units: list[int], *, rng: np.random.Generator, dtype: str
    ) -> ContextMade:
        """Return a new MADE over a site's values."""
        degrees, output_degrees = value_degrees(self.sites, self.pixels)
        return ContextMade(
            degrees,
            output_degrees,
            context_size=context_size,
            hidden_units=hidden_units,
            output_bias=np.tile(self.pixels.initial_bias(rng), self.sites.pixels),
            rng=rng,
            dtype=dtype,
        )

    def outputs(self, context: tf.Tensor, site: tf.Tensor) -> tf.Tensor:
        """See :class:`ImageNetwork`."""
        found = self.within(site, context)
        shape = [self.sites.pixels, self.pixels.outputs]
        return tf.reshape(found, tf.concat([tf.shape(found)[:-1], shape], axis=0))


class PatchMade(WithinSites):
    """MADE within patches over a residual network of masked convolutions between them.

    Args:
        image_shape: height, width and number of colours.
        pixels: as of :class:`ImageNetwork`.
        patch: side of a patch, in pixels.
        num_layers: number of residual blocks over the patches.
        features: number of features of the context.
        hidden_units: of the MADE within.
        dropout: share of a block's features that are dropped in training.
        condition_size: K, 0 for none.
        rng: of the initial kernels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        pixels: Pixels,
        *,
        patch: int,
        num_layers: int,
        features: int,
        hidden_units: list[int],
        dropout: float,
        condition_size: int,
        rng: np.random.Generator,
        dtype: str,
    ):
        sites = Sites(image_shape, patch)
        super().__init__(sites, pixels, condition_size=condition_size)
        self.dropout = dropout
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}

        def convolution(
            size: tuple[int, int], n_in: int, mask_type: Any, gain: float
        ) -> MaskedConvolution:
            mask = convolution_mask(size, n_in, features, mask_type=mask_type)
            return MaskedConvolution(mask, gain=gain, **options)

        height, width = sites.grid
        first = (2 * min(ROWS_ABOVE, height - 1) + 1, 2 * width - 1)
        self.first = convolution(first, sites.size, "A", 0.7)
        place = rng.normal(0, 0.1, [*sites.grid, features])
        self.place = tf.Variable(tf.constant(place, dtype), name="place")
        self.blocks = [
            (
                convolution((KERNEL, KERNEL), features, "B", 1.0),
                convolution((1, 1), features, "B", 0.5),
            )
            for _ in range(num_layers)
        ]
        self.of_condition = condition_biases(
            condition_size, [features] * (1 + num_layers), **options
        )
        self.within = self.made_within(features, hidden_units, **options)

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """See :class:`ImageNetwork`."""

        def given(i: int) -> tf.Tensor | float:
            return 0.0 if condition is None else self.of_condition[i](condition, view)

        h = self.first.of_image(view) + view.at_place(self.place) + given(0)
        for i, (look, mix) in enumerate(self.blocks):
            inner = tf.nn.relu(look(tf.nn.relu(h), view) + given(i + 1))
            h += mix(view.dropped(inner, self.dropout), view)
        return tf.nn.relu(h)


def value_degrees(sites: Sites, pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
    """Return the degrees of a patch's values ``[S C]`` and of the outputs ``[S outputs]``.

    Where colours depend on each other in the distribution, all values of a pixel have one degree.
    """
    if not pixels.colours_masked:
        order = np.arange(1, sites.pixels + 1)
        return np.repeat(order, sites.channels), np.repeat(order, pixels.outputs)
    order = np.arange(1, sites.size + 1)
    return order, np.repeat(order, pixels.outputs // sites.channels)
