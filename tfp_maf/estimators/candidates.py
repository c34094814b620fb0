"""Densities of a table's numbers that are tried, with their networks and training.

The settings were chosen on the validation rows of public tables of 1,000 to 5,000 rows.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from tfp_maf.flows.catalogue import arguments_of, builder_of
from tfp_maf.flows.flow import Flow

MIXTURE = "gaussian_mixture"


@dataclass(frozen=True)
class Candidate:
    """Density to be tried.

    Attributes:
        name: by which it is asked for, and which names its files.
        builder: name of its ``build_*`` function.
        arguments: of the builder.
        training: options of :func:`tfp_maf.fit`.
        is_reversed: whether it sees the columns in reversed order.
        follows: whether its input noise is that of the best candidate before it.
    """

    name: str
    builder: str
    arguments: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    is_reversed: bool = False
    follows: bool = False

    def build(self, event_size: int, *, condition_size: int, seed: int) -> Flow:
        """Build the flow."""
        return builder_of(self.builder)(
            event_size, condition_size=condition_size, seed=seed, **self.arguments
        )

    def replaced(self, network: dict[str, Any], training: dict[str, Any]) -> Candidate:
        """Return the candidate with other options, as far as its builder takes them."""
        takes = arguments_of(self.builder)
        known = {name: value for name, value in network.items() if name in takes}
        return dataclasses.replace(
            self, arguments=self.arguments | known, training=self.training | training
        )


TRAINING: dict[str, Any] = {
    "learning_rate": 2e-3,
    "max_epochs": 1000,
    "l2": 1e-5,
    "clip_norm": 5.0,
}
PATIENCE, HALVE_AFTER = 2_500, 1_000  # steps
NOISE = 0.05  # against overfitting, in standard units; it would hide finer structure
SMALL = {"num_layers": 3, "hidden_units": (64, 64)}
ATTENTION = {
    "network": "attention",
    "num_layers": 3,
    "hidden_units": (64, 64),
    "activation": "gelu",
    "batch_norm": False,
}
CANDIDATES = {
    candidate.name: candidate
    for candidate in (
        Candidate("made_mog", "build_made_mog", training=TRAINING),
        Candidate(
            "made_mog_noisy",
            "build_made_mog",
            training=TRAINING | {"input_noise": NOISE},
            is_reversed=True,
        ),
        Candidate("maf_mog", "build_maf_mog", SMALL, TRAINING, follows=True),
        Candidate("nsf", "build_nsf", SMALL, TRAINING, follows=True),
        Candidate("maf", "build_maf", {"num_layers": 10}, TRAINING, follows=True),
        Candidate("attention", "build_maf", ATTENTION, TRAINING, follows=True),
        Candidate(MIXTURE, "build_gaussian_mixture"),
    )
}
# Attention has not been found better on tables: it is tried where it is asked for.
AUTO = ("made_mog", "made_mog_noisy", "maf_mog", "nsf", "maf", MIXTURE)


def names_for(event_size: int, *, condition_size: int) -> list[str]:
    """Return the names of the candidates that make sense for so many numbers."""
    names = [name for name in AUTO if not (condition_size and name == MIXTURE)]
    if event_size == 1:  # there is no other order, and what is before is a Gaussian
        names = [name for name in names if name not in ("maf_mog", "maf")]
    return names


def rhythm_for(rows: int, batch_size: int) -> dict[str, int]:
    """Return how many epochs to wait for a better score: so many steps, however small the table."""
    steps = max(1, rows // batch_size)
    return {"patience": max(10, PATIENCE // steps), "halve_after": max(4, HALVE_AFTER // steps)}


def batch_size_for(rows: int) -> int:
    """Return the rows per step.

    A thirtieth of a small table, at least 16; 100 from 3,000 rows on; a thousandth of a large
    table, at most 1,000.
    """
    small = max(16, min(100, rows // 30))
    large = min(1_000, rows // 1_000)
    return max(1, min(rows, max(small, large)))
