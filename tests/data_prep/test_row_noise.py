import numpy as np

from tfp_maf.data_prep.columns import row_noise


def test_noise_is_a_function_of_the_row_alone():
    x = np.random.default_rng(0).normal(size=[50, 3])
    keys = row_noise.keys(x)
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(row_noise.keys(x[order]), keys[order])
    assert len(set(keys)) == 50
    assert (row_noise.keys(x, seed=1) != keys).all()
    twice = row_noise.keys(np.concatenate([x, x]))
    np.testing.assert_array_equal(twice[:50], twice[50:])


def test_zeros_and_nans_of_either_sign_are_equal():
    keys = row_noise.keys(np.array([[0.0], [-0.0], [np.nan], [-np.nan]]))
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert keys[0] != keys[2]


def test_streams_are_uniform_normal_and_independent():
    keys = row_noise.keys(np.arange(20_000.0)[:, None])
    u, v = row_noise.uniform(keys, 0), row_noise.uniform(keys, 1)
    assert 0 < u.min() < u.max() < 1
    counts = np.histogram(u, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 45  # chi squared, 19 degrees: p > 0.0007
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.03
    z = row_noise.normal(keys, 0)
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.02
    assert abs(np.corrcoef(z, row_noise.normal(keys, 1))[0, 1]) < 0.03
