"""Mean log-likelihood of a data set with its standard error, as in the paper's tables.

The paper is Papamakarios et al. 2017 (arXiv 1705.07057), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from tfp_maf.flows.flow import Flow

CHUNK = 10_000


@dataclass(frozen=True)
class Evaluation:
    """Mean log-likelihood in nats per event, with the paper's error bars.

    Attributes:
        mean: mean over the rows.
        two_standard_errors: ``2 * sd / sqrt(rows)``, as in section 4 of the paper; NaN for a
            single row.
        rows: number of rows.
        median: median over the rows, which a few extreme rows do not move.
        lowest: that of the least likely row.
    """

    mean: float
    two_standard_errors: float
    rows: int
    median: float = float("nan")
    lowest: float = float("nan")

    @classmethod
    def of(cls, log_prob: np.ndarray) -> Evaluation:
        """Summarise the log-likelihoods ``[N]`` of single rows."""
        log_prob = np.asarray(log_prob, np.float64)
        n = len(log_prob)
        error = 2 * log_prob.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
        return cls(
            float(log_prob.mean()),
            float(error),
            n,
            float(np.median(log_prob)),
            float(log_prob.min()),
        )

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.two_standard_errors:.2f} nats"


def chunked_log_prob(
    flow: Flow,
    x: Any,
    *,
    condition: Any = None,
    chunk_size: int = CHUNK,
    progress: bool = False,
) -> np.ndarray:
    """Compute the log-likelihoods of rows, one chunk at a time.

    Only one chunk is held in memory, so ``x`` can be a ``numpy.memmap``.

    Args:
        flow: the flow to evaluate.
        x: rows ``[N, D]``.
        condition: see :meth:`Flow.log_prob`.
        chunk_size: number of rows per chunk.
        progress: whether to show a progress bar on standard error if there is more than one chunk.

    Returns:
        float64 ``[N]``, in nats.

    Raises:
        ValueError: there are no rows, they have another width, or a value is not finite; the
            message names the row.
    """
    if len(np.shape(x)) != 2 or len(x) == 0:
        raise ValueError(
            f"x must have shape [N, {flow.event_size}] with N > 0, got {list(np.shape(x))}"
        )
    flow.conditioning.check_length(condition, len(x))
    result = np.empty(len(x), np.float64)
    starts = range(0, len(x), chunk_size)
    for start in tqdm(starts, unit="chunk", disable=not progress or len(starts) == 1):
        chunk = slice(start, start + chunk_size)
        given = flow.conditioning.chunk(condition, chunk)
        result[chunk] = flow.log_prob(x[chunk], given, first_row=start).numpy()
    return result


def evaluate(flow: Flow, x: Any, *, condition: Any = None, chunk_size: int = CHUNK) -> Evaluation:
    """Compute mean and standard error of the log-likelihood over rows ``[N, D]``.

    Args:
        flow, x, condition, chunk_size: see :func:`chunked_log_prob`.

    Raises:
        ValueError: see :func:`chunked_log_prob`.
    """
    return Evaluation.of(chunked_log_prob(flow, x, condition=condition, chunk_size=chunk_size))
