"""Builders of models of images: the PixelCNN family."""

from __future__ import annotations

from collections.abc import Sequence

from tfp_maf.flows.images import ImageModel, build_image_model
from tfp_maf.flows.parts import Dtype
from tfp_maf.networks.patch_made import PatchMade
from tfp_maf.networks.pixelcnn import GatedPixelCNN, PixelCNN
from tfp_maf.networks.pixelcnn_pp import PixelCNNpp


def build_pixelcnn(
    image_shape: Sequence[int],
    *,
    levels: int = 256,
    pixels: str | None = None,
    gated: bool = False,
    num_layers: int = 6,
    features: int = 32,
    dilations: Sequence[int] = (1,),
    components: int = 10,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> ImageModel:
    """Build a PixelCNN (van den Oord et al. 2016a) or a Gated PixelCNN (2016b).

    Args:
        image_shape: ``(height, width)`` or ``(height, width, colours)``.
        levels: number of levels of a pixel, L: 2 for black and white.
        pixels: distribution of a pixel's levels: ``"binary"``, ``"categorical"`` or ``"logistic"``;
            by default binary for 2 levels, otherwise categorical, as in the papers.
        gated: whether layers are gated and of two stacks, which have no blind spot.
        num_layers: number of residual blocks, or gated layers, after the first layer.
        features: number of features per layer, a multiple of twice the colours.
        dilations: distances of the pixels that the kernels of one layer after the other look at, in
            turn; those of the papers look at neighbours, and see ``3 + num_layers`` pixels far.
        components: number of logistic distributions that are mixed, for ``"logistic"``.
        condition_size, num_labels: for a model conditional on vectors or on labels.
        seed: of the initial weights.
        dtype: of images and weights.

    Returns:
        An :class:`ImageModel` of rows ``[D]`` of levels.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    arguments = dict(locals())
    network = GatedPixelCNN if gated else PixelCNN
    return build_image_model(
        "build_pixelcnn", arguments, network, options=("num_layers", "features", "dilations")
    )


def build_pixelcnn_pp(
    image_shape: Sequence[int],
    *,
    levels: int = 256,
    pixels: str | None = None,
    num_layers: int = 2,
    features: int = 32,
    dropout: float = 0.5,
    components: int = 10,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> ImageModel:
    """Build a PixelCNN++ (Salimans et al. 2017).

    Args:
        image_shape: as of :func:`build_pixelcnn`; height and width are multiples of 4.
        levels, components: as of :func:`build_pixelcnn`.
        pixels: by default ``"logistic"``, or ``"binary"`` for 2 levels.
        num_layers: number of blocks at each of three resolutions, each way; 5 in the paper.
        features: number of features per layer; 160 in the paper.
        dropout: share of features that are dropped in training.
        condition_size, num_labels, seed, dtype: as of :func:`build_pixelcnn`.

    Returns:
        An :class:`ImageModel` of rows ``[D]`` of levels.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    arguments = dict(locals())
    if pixels is None and levels != 2:
        arguments["pixels"] = "logistic"
    options = ("num_layers", "features", "dropout")
    return build_image_model("build_pixelcnn_pp", arguments, PixelCNNpp, options=options)


def build_patch_made(
    image_shape: Sequence[int],
    *,
    levels: int = 256,
    pixels: str | None = None,
    patch: int = 4,
    num_layers: int = 4,
    features: int = 128,
    hidden_units: Sequence[int] = (256, 256),
    dropout: float = 0.1,
    components: int = 10,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> ImageModel:
    """Build a network of masked convolutions over patches, with a MADE within each patch.

    Args:
        image_shape, levels, pixels, components: as of :func:`build_pixelcnn`.
        patch: side of a patch in pixels; it must divide height and width.
        num_layers: number of residual blocks over the patches.
        features: number of features of a patch's context.
        hidden_units: of the MADE within patches; all sizes are equal.
        dropout: share of features that are dropped in training.
        condition_size, num_labels, seed, dtype: as of :func:`build_pixelcnn`.

    Returns:
        An :class:`ImageModel` of rows ``[D]`` of levels.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    arguments = dict(locals())
    options = ("patch", "num_layers", "features", "hidden_units", "dropout")
    return build_image_model("build_patch_made", arguments, PatchMade, options=options)
