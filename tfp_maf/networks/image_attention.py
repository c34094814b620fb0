"""Networks of images with masked attention: PixelSNAIL and the Image Transformer.

Both ask more of the past than convolutions do: a site looks at any of the sites before it that its
mask lets through, at once and at any distance.

* :class:`PixelSnail`: causal convolutions and attention in turn (Chen et al. 2017, arXiv
  1712.09763, figure 3);
* :class:`ImageTransformer`: layers of attention alone, local in blocks (Parmar et al. 2018, arXiv
  1802.05751, section 3.2).

Features never know their own site, so that attention may be inclusive. Sites are pixels, or patches
of pixels as in :mod:`tfp_maf.networks.patch_made`, whose MADE takes a site's values one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfp_maf.networks.attention import MaskedAttention, attend, causal_mask
from tfp_maf.networks.dense import dense_layer
from tfp_maf.networks.image_network import Sites, condition_biases
from tfp_maf.networks.masked_conv import MaskedConvolution, convolution_mask
from tfp_maf.networks.patch_made import WithinSites
from tfp_maf.networks.pixelcnn import FIRST_KERNEL, KERNEL
from tfp_maf.networks.transformer import EXPANSION, normalised
from tfp_maf.networks.views import View

if TYPE_CHECKING:
    from tfp_maf.distributions.pixels import Pixels

PLACE_SCALE = 0.1  # of the initial features of places


class SiteAttention(MaskedAttention):
    """Masked attention among the sites of an image, through a view that remembers them."""

    def of_view(self, x: tf.Tensor, context: tf.Tensor, view: View, *, width: int) -> tf.Tensor:
        """Return ``[..., W]``: the view's sites attend to all sites that their mask lets through.

        Args:
            x: features of the queries, ``[..., W]``.
            context: features of keys and values, ``[..., C]``.
            view: of the image.
            width: number of sites per row.
        """
        both = view.remembered(tf.concat([self.key(context), self.value(context)], axis=-1))
        queries, keys, values = (
            self._split(part)
            for part in (view.sequence(self.query(x)), *tf.split(both, 2, axis=-1))
        )
        mask = tf.gather(self.mask, view.places(width))
        return view.from_sequence(self.output(self._join(attend(queries, keys, values, mask))))


class AttentionNetwork(WithinSites):
    """What both networks have: sites, features of places, and a MADE within each site.

    Args:
        image_shape: height, width and number of colours.
        pixels: as of :class:`tfp_maf.networks.image_network.ImageNetwork`.
        patch: side of a site, in pixels.
        features: number of features of each layer.
        hidden_units: of the MADE within sites.
        layers: number of layers that a condition enters.
        condition_size: K, 0 for none.
        rng: of the initial kernels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        pixels: Pixels,
        *,
        patch: int,
        features: int,
        hidden_units: list[int],
        layers: int,
        condition_size: int,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__(Sites(image_shape, patch), pixels, condition_size=condition_size)
        place = rng.normal(0, PLACE_SCALE, [*self.sites.grid, features])
        self.place = tf.Variable(tf.constant(place, dtype), name="place")
        self.of_condition = condition_biases(
            condition_size, [features] * layers, rng=rng, dtype=dtype
        )
        self.within = self.made_within(features, hidden_units, rng=rng, dtype=dtype)

    def _given(self, i: int, condition: tf.Tensor | None, view: View) -> tf.Tensor | float:
        return 0.0 if condition is None else self.of_condition[i](condition, view)


class PixelSnail(AttentionNetwork):
    """PixelSNAIL: blocks of a gated residual convolution, then attention to all sites before.

    ``h + a sigma(b)`` with ``a, b = conv(elu(conv(elu(h))))``; the attention's queries, keys and
    values see the features and their place.

    Args:
        num_layers: number of blocks.
        heads: attention heads.
        options: of :class:`AttentionNetwork`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        pixels: Pixels,
        *,
        num_layers: int,
        features: int,
        heads: int,
        rng: np.random.Generator,
        dtype: str,
        **options: object,
    ):
        super().__init__(
            image_shape,
            pixels,
            features=features,
            layers=1 + num_layers,
            rng=rng,
            dtype=dtype,
            **options,  # type: ignore[arg-type]
        )

        def convolution(size: int, n_in: int, n_out: int, mask_type: str) -> MaskedConvolution:
            mask = convolution_mask((size, size), n_in, n_out, mask_type=mask_type)  # type: ignore[arg-type]
            return MaskedConvolution(mask, rng=rng, dtype=dtype)

        height, width = self.sites.grid
        self.first = convolution(FIRST_KERNEL, self.sites.size, features, "A")
        mask = causal_mask(height * width)
        self.blocks = [
            (
                convolution(KERNEL, features, features, "B"),
                convolution(KERNEL, features, 2 * features, "B"),
                SiteAttention(features, heads=heads, mask=mask, rng=rng, dtype=dtype),
            )
            for _ in range(num_layers)
        ]

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """See :class:`tfp_maf.networks.image_network.ImageNetwork`."""
        place = view.at_place(self.place)
        h = self.first.of_image(view) + self._given(0, condition, view)
        for i, (look, gate, attention) in enumerate(self.blocks):
            inner = look(tf.nn.elu(h), view) + self._given(i + 1, condition, view)
            value, weight = tf.split(gate(tf.nn.elu(inner), view), 2, axis=-1)
            h += value * tf.sigmoid(weight)
            placed = h + place
            h += attention.of_view(placed, placed, view, width=self.sites.grid[1])
        return normalised(h)


class ImageTransformer(AttentionNetwork):
    """Image Transformer: layers of local attention, and a small network at each site.

    A site's input is the site before it in raster order, with its place.

    Args:
        mask: booleans ``[H W, H W]`` over sites, inclusive.
        num_layers: number of layers.
        heads: attention heads.
        options: of :class:`AttentionNetwork`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        pixels: Pixels,
        *,
        mask: np.ndarray,
        num_layers: int,
        features: int,
        heads: int,
        rng: np.random.Generator,
        dtype: str,
        **options: object,
    ):
        super().__init__(
            image_shape,
            pixels,
            features=features,
            layers=1,
            rng=rng,
            dtype=dtype,
            **options,  # type: ignore[arg-type]
        )
        # The site before is to the left, or, of a row's first site, the last of the row above.
        self.before = ((-1, self.sites.grid[1] - 1), (0, -1))
        n_in, hidden = len(self.before) * self.sites.size, EXPANSION * features
        self.embedding = dense_layer(n_in, features, rng=rng, dtype=dtype)
        self.layers = [
            (
                SiteAttention(features, heads=heads, mask=mask, rng=rng, dtype=dtype),
                dense_layer(features, hidden, activation="gelu", rng=rng, dtype=dtype),
                dense_layer(hidden, features, rng=rng, dtype=dtype),
            )
            for _ in range(num_layers)
        ]

    def context(self, view: View, above: list[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """See :class:`tfp_maf.networks.image_network.ImageNetwork`."""
        h = self.embedding(view.of_image(self.before)) + view.at_place(self.place)
        h += self._given(0, condition, view)
        for attention, hidden, output in self.layers:
            seen = normalised(h)
            h += attention.of_view(seen, seen, view, width=self.sites.grid[1])
            h += output(hidden(normalised(h)))
        return normalised(h)
