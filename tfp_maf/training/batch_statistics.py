"""Batch normalisation's statistics from one pass over the whole training set."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.flows.flow import Flow

CHUNK = 10_000


def set_batch_statistics(
    flow: Flow, x: np.ndarray, *, condition: Any = None, chunk_size: int = CHUNK
) -> None:
    """Gives each batch normalisation the mean and variance of all of ``x`` (paper, appendix B).

    Layer by layer from the data to the noise, so that each sees ``x`` as the
    layers before it, their statistics already set, pass it on. The result is
    that of one training-mode pass with all of ``x`` as one batch, in the memory
    of one chunk of activations and a copy of ``x``.

    Args:
        flow: any; one without batch normalisation is left as it is.
        x: the training rows ``[N, D]``.
        condition: for a conditional flow; see :meth:`Flow.log_prob`.
        chunk_size: rows a network sees at once.

    Raises:
        ValueError: not of shape ``[N, D]``, or NaN or infinite.
    """
    set_joined_statistics(flow, flow.joined_rows(x, condition), chunk_size=chunk_size)


def set_joined_statistics(flow: Flow, rows: np.ndarray, *, chunk_size: int = CHUNK) -> None:
    """The same of rows already checked and joined, ``[N, D + C]``."""
    x, conditions = rows[:, : flow.event_size], rows[:, flow.event_size :]
    is_norm = [isinstance(bijector, BatchNormalization) for bijector in flow.bijectors]
    for left, (bijector, inverse) in enumerate(zip(flow.bijectors, flow.inverses, strict=True)):
        if not any(is_norm[left:]):
            return
        if isinstance(bijector, BatchNormalization):
            bijector.set_statistics(
                x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
            )
        chunks = [slice(start, start + chunk_size) for start in range(0, len(x), chunk_size)]
        x = np.concatenate(
            [inverse(np.concatenate([x[chunk], conditions[chunk]], axis=1)) for chunk in chunks]
        )
