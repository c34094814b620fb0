"""Builder of Real NVP (Dinh et al. 2017, arXiv 1605.08803; the MAF paper, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfp_maf.bijectors.coupling import CouplingNetwork
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import (
    Bound,
    Dtype,
    Supports,
    checked,
    coupling_layers,
    log_scale_bound_of,
    make_flow,
    network_options,
)


def build_realnvp(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    scale_activation: str = "tanh",
    shift_activation: str = "relu",
    batch_norm: bool = True,
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a Real NVP (Dinh et al. 2017, arXiv 1605.08803, section 3; the paper's section 3.3).

    Every other column moves the rest, alternately: ``x_moved = u exp(log_scale) + shift``, both
    functions of the columns kept. Each layer is followed by batch normalisation.

    The arguments are those of :func:`build_maf`, and a Keras activation's name for each of the two
    networks.
    """
    arguments = checked(locals())
    rng = np.random.default_rng(seed)

    def coupling(n_in: int, n_out: int) -> Any:
        network = CouplingNetwork(
            n_in,
            n_out,
            bound=log_scale_bound_of(arguments),
            scale_activation=scale_activation,
            shift_activation=shift_activation,
            **network_options(arguments, rng),
        )
        return {"shift_and_log_scale_fn": network}

    return make_flow("build_realnvp", coupling_layers(arguments, coupling), arguments)
