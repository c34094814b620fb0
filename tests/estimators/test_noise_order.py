"""Noise of a table's model belongs to the numbers, whichever order a member sees them in."""

import numpy as np
import pytest

import tfp_maf
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.splits import Rows, Scaler
from tfp_maf.estimators.table_model import Member, TableModel


@pytest.mark.parametrize("order, last", [((), 2), ((2, 1, 0), 0)])
def test_noise_is_in_the_order_of_the_numbers(order, last):
    scaler = Scaler(("a", "b", "c"), np.zeros(3), np.ones(3))
    member = Member("gaussian", tfp_maf.build_gaussian(3), 1.0, order)
    model = TableModel(Schema.of_numbers(scaler), scaler, None, [member])
    z = np.random.default_rng(0).normal(size=[4, 3]).astype(np.float32)
    moved = z + np.eye(3, dtype=np.float32)[last]
    change = np.abs(noise(model, moved) - noise(model, z)).max(axis=0)
    # The number that the member sees last is no other number's condition.
    assert (change > 0).tolist() == [place == last for place in range(3)]


def noise(model, z):
    zeros = np.zeros(len(z))
    return model.noise(Rows(z, np.empty([len(z), 0], np.int64), zeros, zeros))
