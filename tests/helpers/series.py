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


# A VAR(2) whose regime switches unseen: calm and near a cycle, or wild and near a random walk.
SWITCHES = np.array([[0.97, 0.03], [0.06, 0.94]])  # from a row's regime to a column's
REGIMES = (
    (np.array([[1.2, 0.0], [0.2, 0.9]]), np.array([[-0.5, 0.1], [0.0, -0.3]]), 0.25 * FACTOR),
    (FIRST, SECOND, 1.5 * FACTOR),
)


def switching_series(steps, *, seed=0):
    """A VAR(2) with hidden regimes, log p of its steps given those before, and the regimes.

    The density of a step is a mixture of the regimes' normals. Its weights are the regimes'
    probabilities given the past, by the forward algorithm (Hamilton 1989).
    """
    rng = np.random.default_rng(seed)
    x, log_p, regimes = np.zeros([steps, 2]), np.full(steps, np.nan), np.zeros(steps, int)
    weights = np.array([0.5, 0.5])  # of the regimes of the step before, given what was seen
    for t in range(2, steps):
        regimes[t] = rng.random() < SWITCHES[regimes[t - 1], 1]
        first, second, factor = REGIMES[regimes[t]]
        x[t] = first @ x[t - 1] + second @ x[t - 2] + factor @ rng.normal(size=2)
        joint = np.log(weights @ SWITCHES)
        for which, (first, second, factor) in enumerate(REGIMES):
            u = np.linalg.solve(factor, x[t] - first @ x[t - 1] - second @ x[t - 2])
            log_det = np.log(np.diag(factor)).sum()
            joint[which] += -0.5 * u @ u - np.log(2 * np.pi) - log_det
        log_p[t] = np.logaddexp(*joint)
        weights = np.exp(joint - log_p[t])
    return x, log_p, regimes
