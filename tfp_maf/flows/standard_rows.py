"""Standardised rows: what a flow's layers see of users' events and conditions.

Events go through the columns' supports and are standardised; a label becomes a vector of zeros with
a one, a vector is standardised. Inside a flow, both stand side by side in rows ``[N, D + C]``.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import record

from tfp_maf.bijectors.standardise import Standardise
from tfp_maf.bijectors.support import InSupport, Support
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.inputs import checked_events, is_symbolic


class StandardRows(tf.Module):
    """The way from events and conditions to rows, and from rows back to events.

    Attributes:
        standardisation: the bijector next to the layers; the identity until :meth:`standardise`.
        condition_standardisation: the same for vectors that the density is conditional on, or None.
        support: the bijector of the columns' ranges, or None.
        columns: names of the columns of the DataFrame that the flow was trained on, or None.
        label_counts: number of training rows with each label; zeros before training.
    """

    def __init__(
        self,
        event_size: int,
        conditioning: Conditioning,
        *,
        support: Sequence[Support | None] | None,
        dtype: str,
    ):
        super().__init__()
        self.event_size, self.conditioning, self.dtype = event_size, conditioning, dtype
        self.columns: tuple[str, ...] | None = None
        self.support = None if support is None else InSupport(support, dtype=dtype)
        self.standardisation = Standardise(event_size, dtype=dtype)
        size = conditioning.condition_size
        self.condition_standardisation = Standardise(size, dtype=dtype) if size else None
        counts = np.zeros(conditioning.num_labels, np.int64)
        self.label_counts = tf.Variable(counts, trainable=False)

    @property
    def bijectors(self) -> list[Any]:
        """What is between the data and the first layer, from the data on."""
        if self.support is None:
            return [self.standardisation]
        return [self.support, self.standardisation]

    def standardise(
        self, x: Any, condition: Any = None, *, weights: np.ndarray | None = None
    ) -> None:
        """Set the standardising bijectors from rows ``[N, D]`` and vectors ``[N, C]``.

        Call it before training; :func:`tfp_maf.fit` calls it on a flow that has not been
        standardised.

        Raises:
            ValueError: If the rows are not ``[N, D]`` of finite numbers.
        """
        events = checked_events(x, self.event_size, columns=self.columns)
        if self.support is not None:
            events, _ = self.support.to_line(self.support.check(events, name="x"))
        self.standardisation.set(events.reshape(-1, self.event_size), weights=weights)
        self.standardise_condition(condition, weights=weights)

    def standardise_condition(self, condition: Any, *, weights: np.ndarray | None = None) -> None:
        """Set the standardising bijector of vectors ``[N, C]``, if it is conditional on any.

        Raises:
            ValueError: If the vectors are missing, or have another shape.
        """
        if self.condition_standardisation is None:
            return
        self.conditioning.check_presence(condition)
        vectors = self.conditioning.array(condition)
        size = self.conditioning.condition_size
        per_row = weights if vectors.ndim > 1 else None
        self.condition_standardisation.set(vectors.reshape(-1, size), weights=per_row)

    def frozen(self) -> StandardRows:
        """Return the same conversion of arrays, with the standardisation as it is now."""
        copied = copy.copy(self)
        copied.standardisation = self.standardisation.frozen()
        if self.condition_standardisation is not None:
            copied.condition_standardisation = self.condition_standardisation.frozen()
        return copied

    @property
    def is_standardised(self) -> bool:
        """True once the standardising bijectors have been set."""
        return not self.standardisation.is_identity

    def see_labels(self, labels: Any) -> None:
        """Count the labels of training rows; evaluating any other label warns."""
        if self.conditioning.num_labels:
            counts = np.bincount(np.asarray(labels).ravel(), minlength=self.conditioning.num_labels)
            self.label_counts.assign(self.label_counts + counts)

    def _warn_of_unseen(self, labels: np.ndarray) -> None:
        counts = self.label_counts.numpy()
        unseen = sorted(set(np.unique(labels)) - set(np.flatnonzero(counts)))
        if counts.any() and unseen:
            warnings.warn(
                f"no training row had the labels {[int(i) for i in unseen]}: "
                f"the density given them is untrained",
                stacklevel=4,
            )

    @property
    def settings(self) -> list[tf.Variable]:
        """Variables that are set from the training data, not trained: scales and label counts."""
        standardisations = [self.standardisation]
        if self.condition_standardisation is not None:
            standardisations.append(self.condition_standardisation)
        return [v for s in standardisations for v in (s.loc, s.scale)] + [self.label_counts]

    def arrays(
        self, x: Any, condition: Any, *, name: str = "x", first_row: int = 0
    ) -> tuple[np.ndarray, tuple[int, ...], Any]:
        """Return rows ``[N, D + C]``, their batch shape, and log-determinants, one or ``[N]``."""
        label = "condition" if name == "x" else f"{name}_condition"
        self.conditioning.check_presence(condition, name=label)
        events = checked_events(
            x, self.event_size, columns=self.columns, name=name, first_row=first_row
        )
        log_det: Any = self.standardisation.log_det_array
        on_line = events
        if self.support is not None:
            on_line, of_support = self.support.to_line(
                self.support.check(events, name=name, first_row=first_row)
            )
            log_det = log_det + of_support
        z = self.standardisation.to_standard(on_line)
        if not np.isfinite(z).all():
            row, column = np.argwhere(~np.isfinite(z.reshape(-1, self.event_size)))[0]
            value = events.reshape(-1, self.event_size)[row, column]
            kind = "inf" if self.standardisation.is_identity else f"{value:g}"
            raise ValueError(
                f"{name} has {kind} at row {first_row + row}, column {column} (counted from 0), "
                f"beyond {self.dtype}; remove or fill such values"
            )
        batch = events.shape[:-1]
        if not self.conditioning.size:
            return z.reshape(-1, self.event_size), batch, _flat(log_det, batch)
        given = self.conditioning.array(condition, name=label, first_row=first_row)
        of_condition = self.conditioning.batch_shape(given)
        try:
            batch = np.broadcast_shapes(batch, of_condition)
        except ValueError:
            raise ValueError(
                f"{label} has {' x '.join(map(str, of_condition))} rows, but there are "
                f"{' x '.join(map(str, batch))} events"
            ) from None
        conditions = self.condition_arrays(given, batch, checked=True)
        z = np.broadcast_to(z, [*batch, self.event_size]).reshape(-1, self.event_size)
        return np.concatenate([z, conditions], axis=1), batch, _flat(log_det, batch)

    def condition_arrays(
        self, condition: Any, batch: tuple[int, ...], *, checked: bool = False
    ) -> np.ndarray:
        """Return the networks' conditions ``[N, C]`` for a batch of events."""
        if not checked:
            self.conditioning.check_presence(condition)
        n = int(np.prod(batch, dtype=np.int64))
        if not self.conditioning.size:
            return np.empty([n, 0], self.dtype)
        given = condition if checked else self.conditioning.array(condition)
        try:
            if self.conditioning.num_labels:
                self._warn_of_unseen(given)
                labels = np.broadcast_to(given, batch).ravel()
                return np.eye(self.conditioning.num_labels, dtype=self.dtype)[labels]
            assert self.condition_standardisation is not None
            vectors = self.condition_standardisation.to_standard(given)
            size = self.conditioning.condition_size
            return np.broadcast_to(vectors, [*batch, size]).reshape(-1, size)
        except ValueError:
            shape = list(self.conditioning.batch_shape(given))
            raise ValueError(
                f"condition has batch shape {shape}, which does not broadcast to {list(batch)}"
            ) from None

    def tensors(self, x: Any, condition: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return rows, batch shape and log-determinants, through which gradients pass."""
        self.conditioning.check_presence(condition)
        if not is_symbolic(x):
            events = checked_events(x, self.event_size, columns=self.columns)
            # Rows are made from a tensor itself, for its gradient.
            x = x if tf.is_tensor(x) else events
        x = tf.cast(x, self.dtype)
        if x.shape.rank == 0 or x.shape[-1:] not in ([self.event_size], [None], None):
            raise ValueError(f"x must have shape [..., {self.event_size}], got {x.shape}")
        z, log_det = self.to_standard(x)
        batch = tf.shape(z)[:-1]
        if self.conditioning.size:
            if not is_symbolic(condition):
                self.conditioning.array(condition)
            c = self.condition_input(condition)
            batch = tf.broadcast_dynamic_shape(batch, tf.shape(c)[:-1])
            z = tf.broadcast_to(z, tf.concat([batch, [self.event_size]], axis=0))
            c = tf.broadcast_to(c, tf.concat([batch, [self.conditioning.size]], axis=0))
            z = tf.concat([z, c], axis=-1)
        return tf.reshape(z, [-1, self.event_size + self.conditioning.size]), batch, log_det

    def condition_tensors(self, condition: Any, batch: tf.Tensor) -> tf.Tensor:
        """Return the networks' conditions ``[N, C]`` for a batch of samples, as a tensor."""
        self.conditioning.check_presence(condition)
        size = self.conditioning.size
        if not size:
            return tf.zeros([tf.reduce_prod(batch), 0], self.dtype)
        if not is_symbolic(condition):
            self.conditioning.array(condition)
        c = self.condition_input(condition)
        return tf.reshape(tf.broadcast_to(c, tf.concat([batch, [size]], axis=0)), [-1, size])

    def condition_input(self, condition: Any) -> tf.Tensor:
        """Return the networks' condition ``[..., C]``: one-hot labels, standardised vectors."""
        c = self.conditioning.tensor(condition, self.dtype)
        if self.condition_standardisation is not None:
            c = self.condition_standardisation.inverse(c)
        return c

    def to_standard(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return standardised events ``[..., D]`` and log-determinants ``[...]`` or ``[]``."""
        log_det = self.standardisation.log_det
        if self.support is not None:
            log_det += self.support.inverse_log_det_jacobian(x, event_ndims=1)
            x = self.support.inverse(x)
        return self.standardisation.inverse(x), log_det

    def to_data(self, z: tf.Tensor) -> tf.Tensor:
        """Return events in the data's units for standardised ones."""
        is_plain = isinstance(z, tf.__internal__.EagerTensor) and tf.executing_eagerly()
        if is_plain and not record.could_possibly_record():
            # A bijector looks for z in its cache, which takes as long as a hundred samples.
            x = tf.constant(self.standardisation.to_data(np.asarray(z)))
        else:
            x = self.standardisation.forward(z)
        return x if self.support is None else self.support.forward(x)


def _flat(log_det: Any, batch: tuple[int, ...]) -> Any:
    """Return a number as it is, and log-determinants of events as those of rows ``[N]``."""
    return np.broadcast_to(log_det, batch).reshape(-1) if np.ndim(log_det) else log_det
