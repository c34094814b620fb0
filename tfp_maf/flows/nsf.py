"""Builder of neural spline flows (Durkan et al. 2019, arXiv 1906.04032)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfp_maf.bijectors.spline import CouplingSplines, SplineOf
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.maf import autoregressive_layers
from tfp_maf.flows.parts import (
    Dtype,
    Supports,
    checked,
    coupling_layers,
    make_flow,
    network_options,
)


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
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a rational-quadratic neural spline flow (Durkan et al. 2019, arXiv 1906.04032).

    It is the authors' RQ-NSF (AR), or RQ-NSF (C) with ``coupling``. In place of their residual
    networks and linear layers, it has plain masked or dense networks, and reverses or alternates
    the columns.

    The arguments are those of :func:`build_maf`, and these:

    Args:
        coupling: whether layers couple halves of the columns, as in Real NVP.
        bins: number of bins of each spline, K.
        bound: splines act between plus and minus this many standard deviations.
    """
    arguments = checked(locals())
    rng = np.random.default_rng(seed)
    spline = SplineOf(bins, bound)
    if coupling:

        def splines(n_in: int, n_out: int) -> Any:
            options = {"activation": activation, **network_options(arguments, rng)}
            return {"bijector_fn": CouplingSplines(n_in, n_out, bijector=spline, **options)}

        return make_flow("build_nsf", coupling_layers(arguments, splines), arguments)
    bijectors, masks = autoregressive_layers(arguments, rng, bijector=spline)
    return make_flow("build_nsf", bijectors, arguments, masks=masks)
