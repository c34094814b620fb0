"""Where a network's hidden units of each degree lie (MADE, arXiv 1502.03509, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Degrees a group; fewer than twice as many are one group.
GROUP = 16


@dataclass(frozen=True)
class Plan:
    """Where the units of each degree lie; features and units are rows, samples are columns.

    Attributes:
        event_size: D.
        first: the lowest degree of any hidden unit, or 1 without any: so many features need
            nothing before them.
        groups, size: the degrees from ``first`` to D - 1, in ``groups`` of ``size``, the last
            one filled up with empty degrees.
        units: for each hidden layer, ``[groups * size, slots]``: the units of each degree, and
            ``n_units``, which stands for a unit of weight zero, in the slots left over.
    """

    event_size: int
    first: int
    groups: int
    size: int
    units: list[np.ndarray]

    @classmethod
    def of(cls, degrees: Sequence[np.ndarray], event_size: int) -> Plan:
        """From the degrees of each hidden layer's units."""
        first = min([int(d.min()) for d in degrees], default=1)
        count = max(event_size - first, 1)
        size = GROUP if count >= 2 * GROUP else count
        groups = -(-count // size)
        units = []
        for layer in degrees:
            of_degree = [np.flatnonzero(layer == first + i) for i in range(groups * size)]
            slots = max(len(u) for u in of_degree)
            padding = [np.full(slots - len(u), len(layer)) for u in of_degree]
            units.append(
                np.stack([np.append(u, p) for u, p in zip(of_degree, padding, strict=True)])
            )
        return cls(event_size, first, groups, size, units)


def hidden_degrees(masks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The degrees of each hidden layer's units, read off the masks ``[n_in, n_out]``."""
    degrees, below = [], np.arange(1, masks[0].shape[0] + 1)
    for mask in masks[:-1]:
        below = np.where(mask > 0, below[:, None], 0).max(axis=0)
        degrees.append(below)
    return degrees
