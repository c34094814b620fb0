import numpy as np
import pytest

from data_prep.files import replaced_when_whole
from data_prep.splits import Scaler, last_tenths

X = np.random.default_rng(0).normal(size=[200, 2]) * [1e-3, 50] + [7, -1e4]


def test_scaler_there_and_back():
    scaler = Scaler.fit(X, ["a", "b"])
    z = scaler.standardise(X)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(scaler.unstandardise(z), X, rtol=1e-6)
    again = Scaler.from_json(scaler.to_json())
    assert again.columns == ("a", "b")
    np.testing.assert_array_equal([again.mean, again.scale], [scaler.mean, scaler.scale])


def test_log_det_makes_a_density_in_the_users_units():
    """N(z) exp(log_det) integrates to one over the user's axis."""
    scaler = Scaler.fit(X[:, 1:], ["b"])
    grid = np.linspace(-1e4 - 500, -1e4 + 500, 20_001)
    z = (grid - scaler.mean) / scaler.scale
    density = np.exp(-(z**2) / 2 - 0.5 * np.log(2 * np.pi) + scaler.log_det)
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-6)


def test_what_can_not_be_standardised():
    with pytest.raises(ValueError, match="column 'b' is constant"):
        Scaler.fit(np.column_stack([X[:, 0], np.full(200, 0.1)]), ["a", "b"])
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="'b' has values too large"):
        Scaler.fit(np.column_stack([X[:, 0], X[:, 1] * 1e300]), ["a", "b"])


def test_last_tenths_are_views_in_order():
    x = np.arange(1995)[:, None]
    train, validation, test = last_tenths(x)
    assert (len(train), len(validation), len(test)) == (1617, 179, 199)
    np.testing.assert_array_equal(np.concatenate([train, validation, test]), x)
    assert all(np.shares_memory(part, x) for part in (train, validation, test))
    with pytest.raises(ValueError, match="10 rows are too few"):
        last_tenths(x[:10])


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.txt"
    with replaced_when_whole(path) as file:
        file.write("first")
    with pytest.raises(RuntimeError), replaced_when_whole(path) as file:
        file.write("second, cut sho")
        raise RuntimeError
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
