"""A full-covariance Gaussian is a MADE without hidden units.

``p(x_i | x_1..x_{i-1}) = N(w_i . x + b_i, s_i^2)``: the mean linear in the features before, the
deviation constant. The first row of the paper's tables (Papamakarios et al. 2017, arXiv
1705.07057), and, given a label, a Gaussian for each label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import Dtype, checked, make_flow
from tfp_maf.networks.dense import broadcast_condition

tfb = tfp.bijectors


class LinearConditionals(tf.Module):
    """Shift and log_scale; all their parameters linear in the condition.

    ``parameters = sum_k c_k parameters_k``: a label's vector of zeros with a one picks its own, to
    another condition a one is added, so that the first ones are the offset.

    Args:
        event_size: D.
        condition_size: C, 0 for none.
        adds_one: whether a one is put before the condition.
    """

    def __init__(
        self,
        event_size: int,
        *,
        condition_size: int,
        adds_one: bool,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__()
        self.condition_size, self.adds_one = condition_size, adds_one
        count = condition_size + adds_one
        self.mask = np.triu(np.ones([event_size, event_size]), k=1)
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
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A full-covariance Gaussian, to be fitted by :func:`tfp_maf.fit_gaussian` or ``fit``.

    With labels, one for each label; given vectors, its parameters are linear in them.

    Args as :func:`build_maf`'s.
    """
    arguments = checked(locals())
    linear = LinearConditionals(
        event_size,
        condition_size=condition_size + num_labels,
        adds_one=not num_labels,
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )
    masks = {linear.weights.ref(): linear.mask}
    bijectors = [tfb.MaskedAutoregressiveFlow(linear)]
    return make_flow("build_gaussian", bijectors, arguments, masks=masks)


def fit_gaussian(flow: Flow, x: np.ndarray, *, condition: Any = None) -> None:
    """Maximum likelihood in closed form, for a flow of :func:`tfp_maf.build_gaussian`.

    With labels, the mean and covariance of each label's rows. The covariance's Cholesky factor L,
    with ``x - m = L u``, has the deviations on its diagonal, and ``I - diag(L) L^-1`` are the
    weights. A flow given vectors has no closed form: :func:`tfp_maf.fit` trains it, as any other.

    Raises:
        ValueError: another flow, a label without enough rows, or a singular covariance: some
            columns are linear in others.
    """
    linear = [m for m in flow.submodules if isinstance(m, LinearConditionals)]
    if len(linear) != 1 or flow.conditioning.condition_size:
        raise ValueError(
            "fit_gaussian needs a flow from build_gaussian that is unconditional or conditioned on "
            "labels; train a flow conditioned on vectors with fit"
        )
    if not flow.is_standardised:
        flow.standardise(x)
    rows = flow.joined_rows(x, condition)
    flow.see_labels(() if condition is None else condition)
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
    """Weights ``[D, D]``, shift and log_scale ``[D]`` of the Gaussian of rows ``[N, D]``."""
    mean, factor = moments(x, what=what)
    deviations = np.diag(factor)
    weights = np.eye(len(mean)) - deviations[:, None] * np.linalg.inv(factor)
    return np.tril(weights, k=-1).T, mean - weights @ mean, np.log(deviations)


def moments(x: np.ndarray, *, what: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Mean ``[D]`` and the covariance's Cholesky factor ``[D, D]`` of float64 rows ``[N, D]``.

    Raises:
        ValueError: fewer than two rows, or a singular covariance; begins with ``what``.
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
