"""Neural spline flows (Durkan et al. 2019, arXiv 1906.04032), autoregressive or coupling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_probability as tfp

from tfp_maf.bijectors.spline import AutoregressiveSplines, CouplingSplines
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import (
    Dtype,
    after_layer,
    checked,
    coupling_layers,
    make_flow,
    network_options,
)
from tfp_maf.networks.made import kernel_masks

tfb = tfp.bijectors


def build_nsf(
    event_size: int,
    *,
    coupling: bool = False,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    batch_norm: bool = False,
    bins: int = 8,
    bound: float = 3.0,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A rational-quadratic neural spline flow (Durkan et al. 2019, arXiv 1906.04032).

    RQ-NSF (AR), or (C) with ``coupling``. Where the authors put residual networks and linear
    layers, this has plain masked or dense networks, and reverses or alternates the columns.

    Args as :func:`build_maf`'s, and

    Args:
        coupling: whether layers couple halves of the columns, as Real NVP's.
        bins: K, of each spline.
        bound: splines act between plus and minus this many standard deviations.
    """
    arguments = checked(locals())
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"bins": bins, "bound": bound, "activation": activation}
    if coupling:

        def splines(n_in: int, n_out: int) -> Any:
            both = options | network_options(arguments, rng)
            return {"bijector_fn": CouplingSplines(n_in, n_out, **both)}

        return make_flow("build_nsf", coupling_layers(arguments, splines), arguments)
    bijectors, masks = [], {}
    for layer in range(num_layers):
        network = AutoregressiveSplines(event_size, **options, **network_options(arguments, rng))
        masks.update(kernel_masks(network.network))
        bijectors.append(tfb.MaskedAutoregressiveFlow(bijector_fn=network))
        bijectors += after_layer(arguments, is_last=layer == num_layers - 1)
    return make_flow("build_nsf", bijectors, arguments, masks=masks)
