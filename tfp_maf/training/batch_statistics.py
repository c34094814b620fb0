"""Statistics of batch normalisation from one pass over the whole training set.

Papamakarios et al. 2017 (arXiv 1705.07057), appendix B.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.flows.flow import Flow

CHUNK = 10_000


def set_batch_statistics(
    flow: Flow, x: np.ndarray, *, condition: Any = None, chunk_size: int = CHUNK
) -> None:
    """Set each batch normalisation's mean and variance from all of ``x`` (paper, appendix B).

    Layers are taken in order from the data to the noise, so that each sees ``x`` as the
    layers before it, their statistics already set, pass it on. The result is
    that of one training-mode pass with all of ``x`` as one batch, in the memory
    of one chunk of activations and a copy of ``x``.

    Args:
        flow: any; one without batch normalisation is left as it is.
        x: the training rows ``[N, D]``.
        condition: for a conditional flow; see :meth:`Flow.log_prob`.
        chunk_size: number of rows per network call.

    Raises:
        ValueError: If ``x`` is not of shape ``[N, D]``, or has NaN or infinite values.
    """
    set_joined_statistics(flow, flow.joined_rows(x, condition), chunk_size=chunk_size)


def set_joined_statistics(
    flow: Flow,
    rows: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    chunk_size: int = CHUNK,
) -> None:
    """Set the statistics from rows already checked and joined, ``[N, D + C]``.

    Args:
        flow: any; one without batch normalisation is left as it is.
        rows: standardised.
        weights: of the rows, ``[N]``.
        chunk_size: number of rows per network call.
    """
    x, conditions = rows[:, : flow.event_size], rows[:, flow.event_size :]
    first = 0
    for last, bijector in enumerate(flow.bijectors):
        if not isinstance(bijector, BatchNormalization):
            continue
        if last > first:
            starts = range(0, len(x), chunk_size)
            joined = np.concatenate([x, conditions], axis=1)
            chunks = [joined[start : start + chunk_size] for start in starts]
            x = np.concatenate([flow.layers_noise(first, last, chunk) for chunk in chunks])
        mean = np.average(x.astype(np.float64), axis=0, weights=weights)
        variance = np.average((x - mean) ** 2, axis=0, weights=weights)
        bijector.set_statistics(mean, variance)
        first = last
