"""Principal components of unit variance: the directions in which rows differ most."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.files import replaced_when_whole


@dataclass(frozen=True)
class Whitening:
    """``z = (x - mean) directions``: of mean 0 and covariance I on the rows it was fitted to.

    What the kept directions do not span is dropped.

    Attributes:
        mean: float64 ``[D]``.
        directions: float64 ``[D, components]``, each divided by its standard deviation.
    """

    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def identity(cls, size: int) -> Whitening:
        """What leaves rows ``[N, size]`` as they are."""
        return cls(np.zeros(size), np.eye(size))

    @classmethod
    def fit(
        cls, x: np.ndarray, *, components: int | None = None, shrinkage: float = 0.0
    ) -> Whitening:
        """To rows ``[N, D]``; by default all directions in which they differ at all.

        Args:
            x: the rows.
            components: directions kept.
            shrinkage: s of the covariance ``(1 - s) S + s tr(S) / D I`` that takes S's place
                where rows are few; above 0, all D directions are kept
                (Ledoit and Wolf 2004).

        Raises:
            ValueError: fewer than two rows, or fewer such directions than are wanted.
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
        # Less than a millionth of the widest is the rounding of float32 columns.
        rank = int((singular > 1e-6 * singular.max()).sum())
        kept = rank if components is None else components
        if not 1 <= kept <= rank:
            raise ValueError(f"{components} components wanted, but the rows differ in {rank} only")
        return cls(mean, (axes[:kept] / deviations[:kept, None]).T)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """``[N, D]`` to float32 ``[N, components]``."""
        return ((np.asarray(x, np.float64) - self.mean) @ self.directions).astype(np.float32)

    def save(self, path: Path) -> None:
        """Writes a ``.npz``.

        Raises:
            OSError: it can't be written.
        """
        with replaced_when_whole(path, binary=True) as file:
            np.savez(file, mean=self.mean, directions=self.directions)

    @classmethod
    def load(cls, path: Path) -> Whitening:
        """What :meth:`save` wrote; nothing in it is executed.

        Raises:
            OSError: no such file. ValueError: it is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(stored["mean"], stored["directions"])
        except (KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged ({error})") from None
