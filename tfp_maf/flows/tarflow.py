"""Builder of TarFlow, a masked autoregressive flow that sees images.

Zhai et al. 2024, "Normalizing Flows are Capable Generative Models" (arXiv 2412.06329): a MAF
(Papamakarios et al. 2017, arXiv 1705.07057) whose MADE is a causal Transformer over patches of
pixels. Events are rows ``[D]`` of pixels, as those of all flows here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_probability as tfp

from tfp_maf.bijectors.attention import AttentionLayer, AttentionShiftAndLogScale
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import Bound, Dtype, checked, log_scale_bound_of, rows_at_once

tfb = tfp.bijectors

# Training steps take a tenth of a second each: few of them, so that checkpoints are kept in time.
STEPS_PER_CALL = 25


def build_tarflow(
    image_shape: Sequence[int],
    *,
    patch: int = 4,
    num_blocks: int = 4,
    layers: int = 2,
    width: int = 64,
    heads: int = 4,
    activation: str = "gelu",
    log_scale_bound: Bound = 4.0,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a TarFlow: autoregressive blocks over patches, their order reversed between blocks.

    From noise ``u`` to data ``x``, all pixels of patch t move together in each block,
    ``x_t = u_t exp(log_scale_t) + shift_t``, both functions of the patches before. Blocks start as
    the identity. In the paper, a block leaves its first patch as it is; here the patch moves by
    functions of the condition.

    Args:
        image_shape: height and width, then the number of colours if there are several. A row holds
            the colours one after the other, as :class:`tfp_maf.data_prep.images.ImageSpace` does.
        patch: height and width of a patch; it divides those of the image.
        num_blocks: number of autoregressive blocks, with alternating orders.
        layers: attention layers per block.
        width: size of a token within a block.
        heads: attention heads per layer; it divides the width.
        activation: of the networks at each token, a Keras name.
        log_scale_bound: each block's log scale stays within plus or minus this many nats; see
            :func:`build_maf`.
        condition_size: length of the vectors that the density is conditional on.
        num_labels: number of labels that it is conditional on.
        seed: of the initial weights.
        dtype: of weights, inputs and outputs.

    Returns:
        A :class:`Flow` over rows ``[D]``, all its variables built.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    arguments = checked(locals())
    order = patch_order(arguments["image_shape"], patch)
    event_size, rng = len(order), np.random.default_rng(seed)
    tokens = event_size // patch_size(arguments["image_shape"], patch)
    # From noise to data, Permute gives x[i] = u[permutation[i]].
    bijectors: list[Any] = [tfb.Permute(np.argsort(order))]
    for block in range(num_blocks):
        if block:
            bijectors.append(tfb.Permute(np.arange(event_size)[::-1]))
        network = AttentionShiftAndLogScale(
            event_size,
            tokens=tokens,
            bound=log_scale_bound_of(arguments | {"num_layers": num_blocks}),
            widths=[width] * layers,
            heads=heads,
            activation=activation,
            rng=rng,
            dtype=dtype,
            condition_size=condition_size + num_labels,
        )
        bijectors.append(AttentionLayer(network))
    flow = Flow(
        event_size,
        bijectors,
        builder="build_tarflow",
        arguments=arguments,
        masks={},
        conditioning=Conditioning(condition_size, num_labels),
        row_by_row=True,
        most_rows=rows_at_once(tokens),
        dtype=dtype,
    )
    flow.steps_per_call = STEPS_PER_CALL
    return flow


def patch_order(image_shape: Sequence[int], patch: int) -> np.ndarray:
    """Return the columns of a row of pixels in the order of patches: ``row[order]``, ``[D]``.

    Patches are in raster order, and so are the pixels of each; a pixel's colours are neighbours.

    Raises:
        ValueError: If the shape is not that of an image, or the patch does not divide it.
    """
    height, width, colours = [*image_shape, 1][:3]
    for side in (height, width):
        if side % patch:
            raise ValueError(f"patch={patch} does not divide {height} x {width}: give a divisor")
    columns = np.arange(height * width * colours)
    cut = columns.reshape(colours, height // patch, patch, width // patch, patch)
    return cut.transpose(1, 3, 2, 4, 0).ravel()


def patch_size(image_shape: Sequence[int], patch: int) -> int:
    """Return the number of columns of a patch: its pixels, and their colours."""
    return patch**2 * [*image_shape, 1][2]
