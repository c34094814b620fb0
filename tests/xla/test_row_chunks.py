"""Functions compiled for a few numbers of rows."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_maf.xla.row_chunks import SIZES, RowChunks


@pytest.mark.parametrize("n", [1, 99, 100, 101, 300, 301, 999, 1000, 3001, 10_000, 23_456])
def test_any_number_of_rows_by_few_shapes(n):
    shapes = set()

    def traced(x, weight):
        shapes.add(x.shape[0])
        return tf.reduce_sum(x, axis=1) * weight

    function = RowChunks(traced)
    x = np.random.default_rng(0).normal(size=[n, 3])
    np.testing.assert_allclose(function(x, tf.constant(2.0, tf.float64)), 2 * x.sum(axis=1))
    assert shapes <= set(SIZES)


@pytest.mark.parametrize("n", [1, 100, 250])
def test_chunks_of_one_size_only(n):
    shapes = set()

    def traced(x):
        shapes.add(x.shape[0])
        return tf.reduce_sum(x, axis=1)

    x = np.random.default_rng(0).normal(size=[n, 3])
    np.testing.assert_allclose(RowChunks(traced, sizes=(100,))(x), x.sum(axis=1))
    assert shapes == {100}


def test_autograph_is_left_out_unless_there_are_loops():
    """Converting the source of all that is traced took two of the eleven seconds of a start."""

    def doubled(rows, times):
        i = tf.constant(0)
        while i < times:
            rows, i = 2 * rows, i + 1
        return rows

    rows, times = np.ones([3, 2], np.float32), tf.constant(3)
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        RowChunks(doubled)(rows, times)
    np.testing.assert_array_equal(RowChunks(doubled, has_loops=True)(rows, times), 8 * rows)
