"""Parts of a table in time order as stretches of a model, each with its past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfp_maf.data_prep.time_table import TimeSeries, TimeTable
from tfp_maf.time_series.windows import Stretch


@dataclass(frozen=True)
class Part:
    """Steps of one series that belong to a part, and the past of the first of them.

    Attributes:
        series: of the table.
        stretch: its values, noise added to rounded ones, and known inputs, from the past on.
        begin: place in the series of the stretch's first step.
    """

    series: TimeSeries
    stretch: Stretch
    begin: int

    @property
    def places(self) -> np.ndarray:
        """Places in the series of the steps that are scored."""
        return np.arange(self.begin + self.stretch.first, self.begin + len(self.stretch.x))


def parts_of(table: TimeTable, name: str | None, *, past: int) -> list[Part]:
    """Return the stretches of a table's part, or of all its rows if there is no name.

    The first step of a series is never scored: nothing precedes it, and a flow of what changes from
    step to step knows nothing of it.

    Args:
        table: in time order.
        name: ``"train"``, ``"validation"`` or ``"test"``; None for all rows.
        past: number of steps of each stretch's past, as far as there are so many.
    """
    first, end = (-np.inf, np.inf) if name is None else table.limits(name)
    parts = []
    for series in table.series:
        places = np.flatnonzero((series.steps >= first) & (series.steps < end))
        if len(places) == 0:
            continue
        first_scored = max(int(places[0]), 1)
        if first_scored > places[-1]:
            continue
        begin = max(first_scored - past, 0)
        taken = slice(begin, int(places[-1]) + 1)
        x, known = table.columns.dequantised(series)[taken], table.columns.known(series)[taken]
        parts.append(Part(series, Stretch(x, known, first_scored - begin), begin))
    return parts


@dataclass(frozen=True)
class Origins:
    """Times of a part to forecast from: the past of each, and what truly came next.

    Attributes:
        pasts: ``[S, past, D]``.
        known: of the past and the forecast's steps, ``[S, past + steps, K]``.
        truth: ``[S, steps, D]``, in the columns' units as recorded.
    """

    pasts: np.ndarray
    known: np.ndarray
    truth: np.ndarray


def origins_of(
    table: TimeTable, name: str, *, past: int, steps: int, most: int, seed: int = 0
) -> Origins:
    """Return origins within a part, evenly spaced, whose next ``steps`` are all there.

    Args:
        table: in time order.
        name: of the part.
        past: number of steps of the past.
        steps: number of steps to forecast.
        most: number of origins at most.
        seed: of the offset of the first origin.

    Raises:
        ValueError: If there is none.
    """
    first, end = table.limits(name)
    found: list[tuple[int, int]] = []
    for i, series in enumerate(table.series):
        is_whole = np.isfinite(series.x).all(axis=1)
        ahead = (
            np.lib.stride_tricks.sliding_window_view(is_whole, steps).all(axis=1)
            if (len(series) >= steps)
            else np.zeros(0, bool)
        )
        places = np.flatnonzero(ahead)
        at = series.steps[places]
        places = places[(at >= first) & (at + steps <= end) & (places >= past)]
        found += [(i, int(place)) for place in places]
    if not found:
        raise ValueError(f"no {steps} steps of {name} in a row are complete: nothing to forecast")
    spread = max(len(found) // most, 1)
    chosen = found[np.random.default_rng(seed).integers(spread) :: spread][:most]
    noisy = [table.columns.dequantised(series) for series in table.series]
    known = [table.columns.known(series) for series in table.series]
    return Origins(
        np.stack([noisy[i][at - past : at] for i, at in chosen]),
        np.stack([known[i][at - past : at + steps] for i, at in chosen]),
        np.stack([table.series[i].x[at : at + steps] for i, at in chosen]),
    )
