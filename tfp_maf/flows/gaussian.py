"""Full-covariance Gaussian, as a MADE without hidden units.

``p(x_i | x_1..x_{i-1}) = N(w_i . x + b_i, s_i^2)``: the mean is linear in the features before, the
deviation constant. It is the first row of the paper's tables (Papamakarios et al. 2017, arXiv
1705.07057), and, with labels, one Gaussian per label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import Dtype, Supports, checked, make_flow
from tfp_maf.networks.dense import broadcast_condition

tfb = tfp.bijectors


class LinearConditionals(tf.Module):
    """Network of shift and log_scale whose parameters are linear in the condition.

    ``parameters = sum_k c_k parameters_k``: the one-hot vector of a label picks the label's
    parameters; before any other condition a one is put, so that ``parameters_0`` is the offset.

    Args:
        event_size: D.
        condition_size: C, 0 for none.
        adds_one: whether a one is put before the condition.
        diagonal: whether features are independent given the condition.
    """

    def __init__(
        self,
        event_size: int,
        *,
        condition_size: int,
        adds_one: bool,
        diagonal: bool,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__()
        self.condition_size, self.adds_one = condition_size, adds_one
        self.diagonal = diagonal
        count = condition_size + adds_one
        self.mask = np.triu(np.ones([event_size, event_size]), k=event_size if diagonal else 1)
        limit = np.sqrt(3 / event_size) / event_size
        weights = self.mask * rng.uniform(-limit, limit, [count, event_size, event_size])
        self.weights = tf.Variable(weights, dtype=dtype, name="weights")
        self.shift = tf.Variable(tf.zeros([count, event_size], dtype), name="shift")
        self.log_scale = tf.Variable(tf.zeros([count, event_size], dtype), name="log_scale")

    def __call__(
        self, x: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return shift and log_scale ``[..., D]`` for ``[..., D]``."""
        c = tf.ones_like(x[..., :1]) if self.adds_one else x[..., :0]
        if condition is not None:
            c = tf.concat([c, broadcast_condition(condition, x)], axis=-1)
        weights = self.weights * tf.constant(self.mask, x.dtype)
        by_parameter = tf.einsum("...d,kde->...ke", x, weights) + self.shift
        shift = tf.einsum("...k,...ke->...e", c, by_parameter)
        return shift, tf.einsum("...k,ke->...e", c, self.log_scale)


def build_gaussian(
    event_size: int,
    *,
    diagonal: bool = False,
    condition_size: int = 0,
    num_labels: int = 0,
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a full-covariance Gaussian, to be fitted by :func:`tfp_maf.fit_gaussian` or ``fit``.

    With labels, there is one Gaussian per label; given vectors, the parameters are linear in them.

    The arguments are those of :func:`build_maf`, and ``diagonal``, whether the columns are
    independent given the condition; such a Gaussian is trained by ``fit``.
    """
    arguments = checked(locals())
    linear = LinearConditionals(
        event_size,
        condition_size=condition_size + num_labels,
        adds_one=not num_labels,
        diagonal=diagonal,
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )
    masks = {linear.weights.ref(): linear.mask}
    bijectors = [tfb.MaskedAutoregressiveFlow(linear)]
    return make_flow("build_gaussian", bijectors, arguments, masks=masks)


def fit_gaussian(flow: Flow, x: np.ndarray, *, condition: Any = None) -> None:
    """Fit a flow of :func:`tfp_maf.build_gaussian` by maximum likelihood, in closed form.

    The mean and covariance are those of the rows, or of each label's rows. The covariance's
    Cholesky factor L, with ``x - m = L u``, has the deviations on its diagonal, and the weights are
    ``I - diag(L) L^-1``. A flow conditioned on vectors has no closed form: train it with
    :func:`tfp_maf.fit`.

    Raises:
        ValueError: If the flow is of another kind, a label has too few rows, or the covariance is
            singular because some columns are linear combinations of others.
    """
    linear = [m for m in flow.submodules if isinstance(m, LinearConditionals)]
    if len(linear) != 1 or flow.conditioning.condition_size or linear[0].diagonal:
        raise ValueError(
            "fit_gaussian needs a flow from build_gaussian, not diagonal, that is unconditional or "
            "conditioned on labels; train a flow conditioned on vectors with fit"
        )
    if not flow.is_standardised:
        flow.standardise(x)
    rows = flow.joined_rows(x, condition)
    flow.rows.see_labels(() if condition is None else condition)
    x, given = flow.split(np.asarray(rows, np.float64))
    groups = np.ones([len(x), 1]) if given is None else given
    parameters = []
    for label in range(groups.shape[1]):
        of_label = x[groups[:, label] == 1]
        what = "" if given is None else f"label {label}: "
        parameters.append(_conditionals(of_label, what))
    for variable, values in zip(
        (linear[0].weights, linear[0].shift, linear[0].log_scale),
        zip(*parameters, strict=True),
        strict=True,
    ):
        variable.assign(np.stack(values))


def _conditionals(x: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights ``[D, D]``, shift and log_scale ``[D]`` of the Gaussian of rows ``[N, D]``."""
    mean, factor = moments(x, what=what)
    deviations = np.diag(factor)
    weights = np.eye(len(mean)) - deviations[:, None] * np.linalg.inv(factor)
    return np.tril(weights, k=-1).T, mean - weights @ mean, np.log(deviations)


def moments(x: np.ndarray, *, what: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return the mean ``[D]`` and the covariance's Cholesky factor ``[D, D]`` of rows ``[N, D]``.

    Raises:
        ValueError: If there are fewer than two rows, or the covariance is singular; the message
            begins with ``what``.
    """
    if len(x) < 2:
        raise ValueError(f"{what}{len(x)} rows are too few for a covariance")
    covariance = np.atleast_2d(np.cov(x, rowvar=False, ddof=0))
    try:
        return x.mean(axis=0), np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{what}some columns are linear combinations of others: together they have no "
            f"density; drop one"
        ) from None
