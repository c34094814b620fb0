"""Series whose density is known, for tests."""

import numpy as np

# A VAR(2) with a full covariance: x_t = A1 x_{t-1} + A2 x_{t-2} + L u_t.
FIRST = np.array([[0.6, 0.3], [-0.2, 0.5]])
SECOND = np.array([[-0.3, 0.0], [0.25, 0.2]])
FACTOR = np.array([[0.5, 0.0], [0.3, 0.4]])


def var_series(steps, *, seed=0, varying=False):
    """A VAR(2) of two columns and log p of its steps given those before, NaN for the first two.

    With ``varying``, the noise of a step grows with the distance of the last value from zero.
    """
    rng = np.random.default_rng(seed)
    x, log_p = np.zeros([steps, 2]), np.full(steps, np.nan)
    for t in range(2, steps):
        scale = spread(x[t - 1]) if varying else 1.0
        u = rng.normal(size=2)
        x[t] = FIRST @ x[t - 1] + SECOND @ x[t - 2] + scale * FACTOR @ u
        log_det = np.log(np.diag(FACTOR)).sum() + 2 * np.log(scale)
        log_p[t] = -0.5 * (u**2).sum() - np.log(2 * np.pi) - log_det
    return x, log_p


def spread(x):
    """Factor of the varying noise after a value ``[2]``."""
    return 0.4 + 0.8 * min(abs(x[0]), 1.5)
