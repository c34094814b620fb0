"""Gaussian mixture as a flow without bijectors, fitted by expectation maximisation.

It is the baseline that a flow has to beat, and on small tables often the better model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfp_maf.distributions.gaussian_mixture import GaussianMixture
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import Dtype, Supports, checked, make_flow

MOST_ROWS = 50_000  # the mixture is fitted to; EM's time is proportional
ROWS_PER_COMPONENT = 20
COMPONENTS = (1, 5, 20, 50)
FLOORS = (1e-2, 1e-4, 1e-6, 1e-8)


def build_gaussian_mixture(
    event_size: int,
    *,
    components: int = 20,
    condition_size: int = 0,
    num_labels: int = 0,
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a Gaussian mixture with full covariances, for :func:`fit_gaussian_mixture`.

    The arguments are those of :func:`build_maf`, and ``components``. A condition is refused.

    Raises:
        ValueError: If an argument is out of its range, or a condition is asked for.
    """
    arguments = checked(locals())
    if condition_size or num_labels:
        raise ValueError("a Gaussian mixture takes no condition")
    base = GaussianMixture(event_size, components, dtype=dtype)
    return make_flow("build_gaussian_mixture", [], arguments, base=base)


def fit_gaussian_mixture(
    train: np.ndarray,
    validation: np.ndarray,
    *,
    components: Sequence[int] = COMPONENTS,
    floors: Sequence[float] = FLOORS,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Fit Gaussian mixtures by scikit-learn, and return the one that is best on ``validation``.

    Args:
        train: standardised rows ``[N, D]``; at most 50,000 of them are used.
        validation: standardised rows ``[M, D]``.
        components: numbers of components to try; those with under 20 rows each are left out.
        floors: values to try that are added to the diagonal of the covariances.
        seed: of the choice of rows and of the fits.
        dtype: of the flow.

    Raises:
        ValueError: If no mixture can be fitted.
    """
    from sklearn.mixture import GaussianMixture as Mixture
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(seed)
    rows = np.asarray(train, np.float64)[rng.permutation(len(train))[:MOST_ROWS]]
    held_out = np.asarray(validation, np.float64)
    best, best_score = None, -np.inf
    for count in components:
        if count > 1 and len(rows) < ROWS_PER_COMPONENT * count:
            continue
        scores = []
        for floor in floors:
            mixture = Mixture(count, reg_covar=floor, random_state=seed)
            try:
                with threadpool_limits(1):  # for such small matrices twice as fast as with two
                    scores.append(mixture.fit(rows).score(held_out))
            except ValueError:  # the floor is too low for float64
                break
            if scores[-1] > best_score:
                best, best_score = mixture, scores[-1]
            if len(scores) > 1 and scores[-1] < scores[-2]:
                break  # a lower floor only fits closer
    if best is None:
        raise ValueError("no Gaussian mixture can be fitted: columns depend on each other")
    flow = build_gaussian_mixture(
        rows.shape[1], components=len(best.weights_), seed=seed, dtype=dtype
    )
    flow.base.assign(best.weights_, best.means_, best.covariances_)
    return flow
