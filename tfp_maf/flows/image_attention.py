"""Builders of models of images with masked attention: PixelSNAIL and the Image Transformer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tfp_maf.flows.images import ImageModel, build_image_model, image_arguments, sizes_of
from tfp_maf.flows.parts import Dtype
from tfp_maf.networks.attention import local_mask_1d, local_mask_2d
from tfp_maf.networks.image_attention import ImageTransformer, PixelSnail
from tfp_maf.networks.image_network import Sites

OPTIONS = ("patch", "num_layers", "features", "heads", "hidden_units")


def build_pixelsnail(
    image_shape: Sequence[int],
    *,
    levels: int = 256,
    pixels: str | None = None,
    patch: int = 2,
    num_layers: int = 3,
    features: int = 32,
    heads: int = 2,
    hidden_units: Sequence[int] = (128,),
    components: int = 10,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> ImageModel:
    """Build a PixelSNAIL (Chen et al. 2017, arXiv 1712.09763) over pixels or patches.

    Args:
        image_shape, levels, pixels, components: as of :func:`build_pixelcnn`.
        patch: side of a site in pixels; the paper has 1, which costs 16 times as much attention.
        num_layers: number of blocks of convolutions and attention.
        features: number of features per layer.
        heads: attention heads; they divide the features.
        hidden_units: of the MADE within sites; all sizes are equal.
        condition_size, num_labels, seed, dtype: as of :func:`build_pixelcnn`.

    Returns:
        An :class:`ImageModel` of rows ``[D]`` of levels.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    arguments = dict(locals())
    return build_image_model("build_pixelsnail", arguments, PixelSnail, options=OPTIONS)


def build_image_transformer(
    image_shape: Sequence[int],
    *,
    levels: int = 256,
    pixels: str | None = None,
    patch: int = 2,
    block: Sequence[int] = (4, 7),
    memory: Sequence[int] = (4, 7),
    num_layers: int = 4,
    features: int = 64,
    heads: int = 4,
    hidden_units: Sequence[int] = (128,),
    components: int = 10,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> ImageModel:
    """Build an Image Transformer (Parmar et al. 2018, arXiv 1802.05751) over pixels or patches.

    Args:
        image_shape, levels, pixels, components: as of :func:`build_pixelcnn`; the paper has
            categorical and logistic pixels.
        patch: side of a site in pixels; the paper has 1.
        block: sites that share a memory: rows and columns, or one length in raster order.
        memory: sites around a block that it sees as well: rows above and columns on either side,
            or one length before.
        num_layers: number of layers of attention.
        features: number of features per layer.
        heads: attention heads; they divide the features.
        hidden_units: of the MADE within sites; all sizes are equal.
        condition_size, num_labels, seed, dtype: as of :func:`build_pixelcnn`.

    Returns:
        An :class:`ImageModel` of rows ``[D]`` of levels.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    shape, arguments = image_arguments(image_shape, dict(locals()))
    grid = Sites(shape, patch).grid
    sizes, around = sizes_of(block), sizes_of(memory, least=0)
    if len(sizes) not in (1, 2):
        raise ValueError(
            f"block must be one length in raster order, or rows and columns, got {block!r}"
        )
    if len(around) != len(sizes):
        raise ValueError(
            f"memory must be as many numbers of sites, from 0, as block has: {len(sizes)}, got "
            f"{memory!r}"
        )
    arguments |= {"block": sizes, "memory": around}
    if len(sizes) == 1:
        mask = local_mask_1d(grid[0] * grid[1], block=sizes[0], memory=around[0])
    else:
        mask = local_mask_2d(grid, block=sizes, memory=around)
    network = partial(ImageTransformer, mask=mask)
    return build_image_model("build_image_transformer", arguments, network, options=OPTIONS)
