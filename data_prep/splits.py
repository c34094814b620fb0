"""Train, validation and test rows, standardised, and the way back to the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data_prep.images import ImageSpace


@dataclass(frozen=True)
class Scaler:
    """``z = (x - mean) / scale`` a column.

    Attributes:
        columns: their names, in order.
        mean, scale: float64 ``[D]``, in the user's units.
        units: of each column, such as ``V``; ``()`` where the source does not say.
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    units: tuple[str, ...] = ()

    @classmethod
    def fit(cls, x: np.ndarray, columns: Sequence[str], *, ddof: int = 0) -> Scaler:
        """Mean and standard deviation of rows ``[N, D]``.

        Raises:
            ValueError: a constant column, which has no density; names it.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # found below
            mean = x.mean(axis=0, dtype=np.float64)
            scale = x.std(axis=0, dtype=np.float64, ddof=ddof)
        # A constant's computed deviation need not be exactly zero.
        return cls.checked(columns, mean, scale, constant=(x == x[:1]).all(axis=0))

    @classmethod
    def checked(
        cls, columns: Sequence[str], mean: np.ndarray, scale: np.ndarray, *, constant: np.ndarray
    ) -> Scaler:
        """Of a mean and deviation ``[D]`` computed elsewhere.

        Args:
            columns: names.
            mean, scale: float64 ``[D]``.
            constant: which columns have one value only, ``[D]``.

        Raises:
            ValueError: such a column, or one whose values are too large or too close.
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
            raise ValueError(f"column {name!r} has values too close to standardise; rescale it")
        return cls(tuple(columns), mean, scale)

    def standardise(self, x: np.ndarray) -> np.ndarray:
        """``[N, D]`` in the user's units to float32 standard units; infinite beyond float32."""
        with np.errstate(over="ignore"):
            return ((x - self.mean) / self.scale).astype(np.float32)

    def unstandardise(self, z: np.ndarray) -> np.ndarray:
        """``[N, D]`` in standard units to float64 in the user's."""
        return self.mean + self.scale * np.asarray(z, np.float64)

    @property
    def log_det(self) -> float:
        """``log |dz/dx| = -sum log scale``: add it to ``log p(z)`` to get ``log p(x)``."""
        return -float(np.log(self.scale).sum())

    @property
    def labels(self) -> list[str]:
        """The columns' names, with their units."""
        if not self.units:
            return list(self.columns)
        return [f"{name} ({unit})" for name, unit in zip(self.columns, self.units, strict=True)]

    def equals(self, other: Scaler) -> bool:
        """Whether it standardises the same columns alike."""
        return (
            self.columns == other.columns
            and np.array_equal(self.mean, other.mean)
            and np.array_equal(self.scale, other.scale)
        )

    def to_json(self) -> dict[str, list[Any]]:
        """Lists of plain values; :meth:`from_json` reads them."""
        return {
            "columns": list(self.columns),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "units": list(self.units),
        }

    @classmethod
    def from_json(cls, values: dict[str, list[Any]]) -> Scaler:
        """From :meth:`to_json`'s.

        Raises:
            ValueError: not one finite mean and positive scale a column.
        """
        columns = tuple(values["columns"])
        mean, scale = (np.asarray(values[name], np.float64) for name in ("mean", "scale"))
        if not mean.shape == scale.shape == (len(columns),):
            raise ValueError(f"{len(columns)} columns, but other numbers of means or scales")
        if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError("a mean or scale that is none")
        units = tuple(values.get("units", ()))  # runs of before 2026-11-25 have none
        if len(units) not in (0, len(columns)):
            raise ValueError(f"{len(columns)} columns, but {len(units)} units")
        return cls(columns, mean, scale, units)


@dataclass(frozen=True)
class Labels:
    """The class of each row, ``0..count - 1``: int64 ``[N]``, ``[M]``, ``[K]``."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    count: int


@dataclass(frozen=True)
class Splits:
    """A prepared data set.

    Attributes:
        train, validation, test: float32 ``[N, D]``, ``[M, D]``, ``[K, D]``, standardised.
        scaler: what standardised them, with the columns' names.
        source: where the rows came from, in words a user can check.
        simulated: whether they were generated by :mod:`data_prep.simulate`.
        left_out: columns of the source that are not in the rows.
        notes: what was left out of the source, and why, a sentence each.
        labels: the rows' classes, where the source has any.
        space: of rows that are images in logit space.
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
    space: ImageSpace | None = None

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
        """Rows ``[N, D]``, in their order, split by :func:`last_tenths` and standardised.

        Args:
            x: rows in the user's units.
            columns: their names.
            units: theirs, where known.
            fit_validation: whether mean and deviation are those of train and validation, as in
                the authors' code, or of train alone.
            described: the other attributes.

        Raises:
            ValueError: too few rows, or a column that can't be standardised.
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
                    f"other values for float32; leave such rows out, or rescale the column"
                )
        return cls(**standardised, scaler=scaler, **described)


def first_not_finite(x: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the first NaN or infinity in ``[N, D]``."""
    bad = np.argwhere(~np.isfinite(x))
    return (int(bad[0, 0]), int(bad[0, 1])) if len(bad) else None


def last_tenths(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test = the last tenth of the rows, validation = the last tenth of the rest.

    The paper's authors' way, rounding down as they do. Views, not copies.

    Raises:
        ValueError: too few rows for one in each part.
    """
    n_test = len(x) // 10
    rest = x[: len(x) - n_test]
    n_validation = len(rest) // 10
    if n_validation < 1 or n_test < 1:
        raise ValueError(f"{len(x)} rows are too few to split: at least 11 are needed")
    return rest[:-n_validation], rest[-n_validation:], x[-n_test:]
