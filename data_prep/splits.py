"""Standardised train, validation and test rows, with the mapping back to the user's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """Standardisation ``z = (x - mean) / scale`` of each column.

    Attributes:
        columns: Names of the columns, in order.
        mean, scale: Mean and scale of each column, float64 ``[D]``, in the user's units.
        units: Unit of each column, such as ``V``; ``()`` if the source does not give any.
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    units: tuple[str, ...] = ()

    @classmethod
    def fit(cls, x: np.ndarray, columns: Sequence[str], *, ddof: int = 0) -> Scaler:
        """Fit a scaler to the mean and standard deviation of rows ``[N, D]``.

        Raises:
            ValueError: If a column cannot be standardised; see :meth:`checked`.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
            mean = x.mean(axis=0, dtype=np.float64)
            scale = x.std(axis=0, dtype=np.float64, ddof=ddof)
        # The computed deviation of a constant column need not be exactly zero.
        return cls.checked(columns, mean, scale, constant=(x == x[:1]).all(axis=0))

    @classmethod
    def checked(
        cls, columns: Sequence[str], mean: np.ndarray, scale: np.ndarray, *, constant: np.ndarray
    ) -> Scaler:
        """Return a scaler with a mean and deviation ``[D]`` computed elsewhere, if they are usable.

        Args:
            columns: Names of the columns.
            mean, scale: Mean and deviation, float64 ``[D]``.
            constant: Mask ``[D]`` of the columns that have only one value.

        Raises:
            ValueError: If a column is constant, so that it has no density, or if its values are
                too large or too close together; the message names the column.
        """
        if constant.any():
            names = [name for name, c in zip(columns, constant, strict=True) if c]
            raise ValueError(
                f"column {', '.join(map(repr, names))} is constant and has no density; drop it"
            )
        if not np.isfinite(scale).all():
            name = columns[int(np.argmin(np.isfinite(scale)))]
            raise ValueError(f"column {name!r} has values too large to standardise; rescale it")
        if not scale.all():  # not constant, but the squares underflow
            name = columns[int(np.argmin(scale))]
            raise ValueError(
                f"column {name!r} has values too close together to standardise; rescale it"
            )
        return cls(tuple(columns), mean, scale)

    def standardise(self, x: np.ndarray) -> np.ndarray:
        """Convert ``[N, D]`` from the user's units to float32 standard units.

        Values beyond the range of float32 become infinite.
        """
        with np.errstate(over="ignore"):
            return ((x - self.mean) / self.scale).astype(np.float32)

    def unstandardise(self, z: np.ndarray) -> np.ndarray:
        """Convert ``[N, D]`` from standard units to float64 in the user's units."""
        return self.mean + self.scale * np.asarray(z, np.float64)

    @property
    def log_det(self) -> float:
        """Log determinant ``log |dz/dx| = -sum log scale``.

        Adding it to ``log p(z)`` gives ``log p(x)``.
        """
        return -float(np.log(self.scale).sum())

    @property
    def labels(self) -> list[str]:
        """Names of the columns, with their units."""
        if not self.units:
            return list(self.columns)
        return [f"{name} ({unit})" for name, unit in zip(self.columns, self.units, strict=True)]

    def only(self, mask: np.ndarray) -> Scaler:
        """Return the scaler of the columns in a mask ``[D]``."""
        columns = tuple(name for name, kept in zip(self.columns, mask, strict=True) if kept)
        return Scaler(columns, self.mean[mask], self.scale[mask])

    def equals(self, other: Scaler) -> bool:
        """Return True if ``other`` standardises the same columns in the same way."""
        return (
            self.columns == other.columns
            and np.array_equal(self.mean, other.mean)
            and np.array_equal(self.scale, other.scale)
        )

    def to_json(self) -> dict[str, list[Any]]:
        """Return lists of plain values, which :meth:`from_json` reads."""
        return {
            "columns": list(self.columns),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "units": list(self.units),
        }

    @classmethod
    def from_json(cls, values: dict[str, list[Any]]) -> Scaler:
        """Build a scaler from the result of :meth:`to_json`.

        Raises:
            ValueError: If there is not one finite mean and one positive scale per column.
        """
        columns = tuple(values["columns"])
        mean, scale = (np.asarray(values[name], np.float64) for name in ("mean", "scale"))
        if not mean.shape == scale.shape == (len(columns),):
            raise ValueError(f"{len(columns)} columns, but not as many means and scales")
        if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError("a mean or scale is not finite, or a scale is not positive")
        units = tuple(values.get("units", ()))  # missing from files written before 2026-11-25
        if len(units) not in (0, len(columns)):
            raise ValueError(f"{len(columns)} columns, but {len(units)} units")
        return cls(columns, mean, scale, units)


@dataclass(frozen=True)
class Labels:
    """Class of each row, ``0..count - 1``, as int64 ``[N]``, ``[M]`` and ``[K]``."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    count: int


@dataclass(frozen=True)
class Rows:
    """Rows of a table as a model sees them.

    Attributes:
        z: Standardised numbers, float32 ``[N, D]``.
        codes: Categories, int64 ``[N, C]``.
        log_det: What is added to a model's log-likelihood for the one in standard units, ``[N]``.
        to_units: What is then added for the one in the columns' own units, ``[N]``.
    """

    z: np.ndarray
    codes: np.ndarray
    log_det: np.ndarray
    to_units: np.ndarray

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows: Any) -> Rows:
        return Rows(self.z[rows], self.codes[rows], self.log_det[rows], self.to_units[rows])


@dataclass(frozen=True)
class Splits:
    """Prepared data set.

    Attributes:
        train, validation, test: Standardised rows, float32 ``[N, D]``, ``[M, D]``, ``[K, D]``.
        scaler: Scaler that standardised the rows, with the names of the columns.
        source: Origin of the rows, in words that a user can check.
        simulated: Whether the rows were generated by :mod:`tfp_maf.data_prep.simulate`.
        left_out: Columns of the source that are not in the rows.
        notes: Messages that say what was left out of the source, and why.
        labels: Classes of the rows, if the source has any.
        weights: Weights of the training rows, float64 ``[N]``, if the source has any.
        space: Mapping to pixels, if the rows are images: an
            :class:`~tfp_maf.data_prep.images.ImageSpace` of logits, or a
            :class:`~tfp_maf.data_prep.levels.LevelSpace`.
        intensities: Training rows before they were binarised, 0 .. 1, if they were.
        schema: Description of the columns, if they are those of a table: a
            :class:`~tfp_maf.data_prep.columns.schema.Schema`.
        parts: Rows of a described table, by ``"train"``, ``"validation"`` and ``"test"``.
        places: Number of each of these rows in the file, from 0.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    scaler: Scaler
    source: str
    simulated: bool = False
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    labels: Labels | None = None
    weights: np.ndarray | None = None
    space: Any = None
    intensities: np.ndarray | None = None
    schema: Any = None
    parts: Mapping[str, Rows] = field(default_factory=dict)
    places: Mapping[str, np.ndarray] = field(default_factory=dict)

    def rows(self, part: str) -> Rows:
        """Return the rows of ``"train"``, ``"validation"`` or ``"test"``, with their categories."""
        if part in self.parts:
            return self.parts[part]
        z = getattr(self, part)
        zeros = np.zeros(len(z))
        return Rows(z, np.empty([len(z), 0], np.int64), zeros, zeros + self.scaler.log_det)

    @classmethod
    def in_tenths(
        cls,
        x: np.ndarray,
        columns: Sequence[str],
        *,
        units: Sequence[str] = (),
        fit_validation: bool = True,
        **described: Any,
    ) -> Splits:
        """Split rows ``[N, D]`` with :func:`last_tenths`, without shuffling, and standardise them.

        Args:
            x: Rows in the user's units.
            columns: Names of the columns.
            units: Units of the columns, if known.
            fit_validation: Whether mean and deviation are those of train and validation together,
                as in the code of the paper's authors, or of train alone.
            described: Other attributes.

        Raises:
            ValueError: If there are too few rows, or a column cannot be standardised.
        """
        train, validation, test = last_tenths(x)
        fitted = x[: len(train) + len(validation)] if fit_validation else train
        scaler = replace(Scaler.fit(fitted, columns), units=tuple(units))
        parts = {"train": train, "validation": validation, "test": test}
        standardised: dict[str, Any] = {n: scaler.standardise(part) for n, part in parts.items()}
        for name, z in standardised.items():
            bad = first_not_finite(z)
            if bad is not None:
                row, column = bad
                raise ValueError(
                    f"column {columns[column]!r}: {parts[name][row, column]:g} is too far from the "
                    f"other values for float32; remove such rows, or rescale the column"
                )
        return cls(**standardised, scaler=scaler, **described)


def first_not_finite(x: np.ndarray) -> tuple[int, int] | None:
    """Return the row and column of the first NaN or infinity in ``[N, D]``, or None."""
    bad = np.argwhere(~np.isfinite(x))
    return (int(bad[0, 0]), int(bad[0, 1])) if len(bad) else None


def last_tenths(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split rows into train, validation and test as in the code of the paper's authors.

    The last tenth of the rows, rounded down, is the test set; the last tenth of the rest, rounded
    down, is the validation set. The parts are views, not copies.

    Raises:
        ValueError: If a part would be empty.
    """
    n_test = len(x) // 10
    rest = x[: len(x) - n_test]
    n_validation = len(rest) // 10
    if n_validation < 1 or n_test < 1:
        raise ValueError(f"{len(x)} rows are too few to split: at least 11 are needed")
    return rest[:-n_validation], rest[-n_validation:], x[-n_test:]
