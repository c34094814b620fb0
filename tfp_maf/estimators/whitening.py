"""Whitening of rows: principal components scaled to unit variance."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfp_maf.data_prep.files import replaced_when_whole


@dataclass(frozen=True)
class Whitening:
    """Linear map ``z = (x - mean) @ directions`` that whitens the rows it was fitted to.

    On those rows ``z`` has mean 0 and covariance I. The variation outside of the kept directions is
    dropped.

    Attributes:
        mean: float64 ``[D]``.
        directions: float64 ``[D, components]``, each divided by its standard deviation.
    """

    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def identity(cls, size: int) -> Whitening:
        """Return the identity map for rows ``[N, size]``."""
        return cls(np.zeros(size), np.eye(size))

    @classmethod
    def fit(
        cls, x: np.ndarray, *, components: int | None = None, shrinkage: float = 0.0
    ) -> Whitening:
        """Fit a whitening to rows ``[N, D]``.

        Args:
            x: the rows.
            components: number of directions to keep; by default all in which the rows vary.
            shrinkage: for few rows, the weight s of the shrunk covariance
                ``(1 - s) S + s tr(S) / D I``, where S is the sample covariance (Ledoit and Wolf
                2004); above 0, all D directions are kept.

        Raises:
            ValueError: there are fewer than two rows, or they vary in fewer than ``components``
                directions.
        """
        x = np.asarray(x, np.float64)
        if len(x) < 2:
            raise ValueError(f"{len(x)} rows are too few to whiten")
        mean = x.mean(axis=0)
        if shrinkage > 0:
            variances, axes = np.linalg.eigh(np.cov(x.T, bias=True))
            shrunk = (1 - shrinkage) * variances + shrinkage * variances.mean()
            return cls(mean, axes / np.sqrt(shrunk))
        _, singular, axes = np.linalg.svd(x - mean, full_matrices=False)
        deviations = singular / np.sqrt(len(x))
        # Below a millionth of the largest, singular values are float32 rounding error.
        rank = int((singular > 1e-6 * singular.max()).sum())
        kept = rank if components is None else components
        if not 1 <= kept <= rank:
            raise ValueError(
                f"{components} components requested, but the rows vary in {rank} directions"
            )
        return cls(mean, (axes[:kept] / deviations[:kept, None]).T)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Whiten rows ``[N, D]``, to float32 ``[N, components]``."""
        return ((np.asarray(x, np.float64) - self.mean) @ self.directions).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the map to a ``.npz`` file.

        Raises:
            OSError: the file cannot be written.
        """
        with replaced_when_whole(path, binary=True) as file:
            np.savez(file, mean=self.mean, directions=self.directions)

    @classmethod
    def load(cls, path: Path) -> Whitening:
        """Load a map that :meth:`save` wrote, without unpickling.

        Raises:
            OSError: the file does not exist.
            ValueError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(stored["mean"], stored["directions"])
        except (KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged ({error})") from None
