import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from rows import chain_rows, jacobian

import tfp_maf
from tfp_maf.data_prep.splits import Scaler
from tfp_maf.evaluation import likelihood

tfb, tfd = tfp.bijectors, tfp.distributions


def mafs(flow):
    """The autoregressive layers, from the data to the noise."""
    return [b for b in flow.bijectors if isinstance(b, tfb.MaskedAutoregressiveFlow)]


def kernels(flow):
    return [v for v in flow.trainable_variables if v.ref() in flow.masks]


def plain_stack(flow, event_size, hidden_units, dtype):
    """TFP alone, as its documentation builds it, with the flow's weights."""
    tf_keras.mixed_precision.set_global_policy(dtype)  # else its activations are float32
    bijectors = []
    for i, layer in enumerate(mafs(flow)):
        network = tfb.AutoregressiveNetwork(
            params=2,
            event_shape=[event_size],
            hidden_units=hidden_units,
            activation="tanh",
            dtype=dtype,
        )
        network.build([None, event_size])
        network.set_weights(layer._shift_and_log_scale_fn.network.get_weights())
        bijectors.append(tfb.MaskedAutoregressiveFlow(network))
        if i < len(mafs(flow)) - 1:
            bijectors.append(tfb.Permute(list(range(event_size))[::-1]))
    tf_keras.mixed_precision.set_global_policy("float32")
    base = tfd.MultivariateNormalDiag(tf.zeros(event_size, dtype))
    return tfd.TransformedDistribution(base, tfb.Chain(bijectors))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_log_prob_is_that_of_tfps_plain_stack(dtype, tolerance):
    flow = tfp_maf.build_maf(
        5,
        num_layers=4,
        hidden_units=[20, 10],
        batch_norm=False,
        log_scale_bound=None,
        dtype=dtype,
    )
    x = np.random.default_rng(0).normal(size=[100, 5]).astype(dtype)
    theirs = plain_stack(flow, 5, [20, 10], dtype).log_prob(x)
    np.testing.assert_allclose(flow.log_prob(x), theirs, rtol=tolerance, atol=tolerance)


def test_float64_is_float64_throughout():
    """TFP rounds a float64 network's hidden units to float32 (its Activation layers)."""
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=[8], batch_norm=False, dtype="float64")
    x = np.array([[0.5, 0.25], [0.5 + 1e-12, 0.25]])  # one number in float32
    shift = flow.noise(x).numpy()[:, 1]
    assert 1e-14 < abs(shift[1] - shift[0]) < 1e-11


def test_no_rows_have_no_log_prob():
    flow = tfp_maf.build_maf(3, num_layers=1, hidden_units=[4])
    assert flow.log_prob(np.empty([0, 3])).shape == [0]


def test_log_prob_inside_a_function_takes_any_number_of_rows():
    flow = tfp_maf.build_maf(3, num_layers=2, hidden_units=[4])
    inside = tf.function(flow.log_prob, input_signature=[tf.TensorSpec([None, 3])])
    x = np.random.default_rng(0).normal(size=[5, 3]).astype(np.float32)
    np.testing.assert_allclose(inside(x), flow.log_prob(x), atol=1e-5)


def test_orders_are_the_papers_and_the_posts():
    def names(order):
        flow = tfp_maf.build_maf(3, num_layers=2, hidden_units=[4], order=order)
        return [type(bijector).__name__ for bijector in flow.bijectors]

    paper = [
        "MaskedAutoregressiveFlow",
        "BatchNormalization",
        "Permute",
        "MaskedAutoregressiveFlow",
        "BatchNormalization",
    ]
    assert names("paper") == paper
    assert names("post") == paper[::-1]


def test_layers_share_no_weights_and_all_are_tracked():
    flow = tfp_maf.build_maf(3, num_layers=4, hidden_units=[8, 8])
    assert len(flow.trainable_variables) == 4 * (3 * 2 + 2)  # kernels and biases; gamma and beta
    assert len(flow.layer_variables) == 4 * (3 * 2 + 4)  # the statistics, too
    assert len({v.ref() for v in flow.variables}) == len(flow.variables)
    by_shape = [v.numpy() for v in kernels(flow) if v.shape == [8, 8]]
    assert len(by_shape) == 4
    for i, one in enumerate(by_shape):
        assert all((one != other).any() for other in by_shape[i + 1 :])


@pytest.mark.parametrize("order", ["paper", "post"])
def test_round_trip_and_log_det(order):
    x, _ = chain_rows(300, 4, seed=0)
    flow = tfp_maf.build_maf(
        4, num_layers=3, hidden_units=[16], order=order, dtype="float64", seed=1
    )
    tfp_maf.set_batch_statistics(flow, x.astype(np.float64))
    y = tf.constant(x[:50], tf.float64)
    bijector = flow.distribution.bijector
    noise = flow.noise(y)
    # Another tensor of the same values: the bijector's cache can't answer.
    np.testing.assert_allclose(bijector.forward(tf.identity(noise)), y, atol=1e-9)
    slogdet = np.linalg.slogdet(jacobian(bijector.inverse, y))[1]
    np.testing.assert_allclose(
        bijector.inverse_log_det_jacobian(y, event_ndims=1), slogdet, atol=1e-9
    )
    gaussian = -0.5 * (noise.numpy() ** 2).sum(axis=1) - 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(flow.log_prob(y), gaussian + slogdet, atol=1e-9)


@pytest.mark.parametrize("order", ["paper", "post"])
def test_a_trained_density_integrates_to_one(order):
    x, _ = chain_rows(2000, 2, seed=0)
    flow = tfp_maf.build_maf(2, num_layers=3, hidden_units=[16], order=order)
    tfp_maf.fit(flow, x[:1800], x[1800:], learning_rate=5e-3, max_epochs=3, progress=False)
    grid = np.linspace(-12, 12, 1001, dtype=np.float32)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    density = np.exp(likelihood.chunked_log_prob(flow, points))
    assert density.sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=2e-3)


def test_samples_follow_the_density(trained):
    """The mean of -log p over samples is the flow's entropy; of 1 / p over p, the volume."""
    flow, _, _ = trained
    samples = flow.sample(20_000, seed=1)
    again = flow.distribution.bijector.inverse(tf.identity(samples)).numpy()
    np.testing.assert_allclose(again.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(again.T), np.eye(4), atol=0.05)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_outlier_rows_stay_finite(activation):
    flow = tfp_maf.build_maf(8, num_layers=10, activation=activation)
    x = np.random.default_rng(0).normal(size=[8, 8]).astype(np.float32)
    tfp_maf.set_batch_statistics(flow, np.tile(x, [10, 1]))
    for size in (1e2, 1e4, 1e6):
        x[0] = size
        x[1] = -size
        x[2, 3] = size
        assert np.isfinite(flow.log_prob(x)).all()


def test_every_layer_is_autoregressive_after_training_by_perturbation(trained):
    flow, x, _ = trained
    for layer in mafs(flow):
        before = layer.inverse(x[:20]).numpy()
        for i in range(4):
            moved = x[:20].copy()
            moved[:, i] += 0.5
            changed = (layer.inverse(moved).numpy() != before).any(axis=0)
            assert not changed[:i].any()
            assert changed[i:].all()


def test_every_layer_is_autoregressive_after_training_by_jacobian(trained):
    flow, x, _ = trained
    for layer in mafs(flow):
        reached = (jacobian(layer.inverse, x[:20]) != 0).any(axis=0)
        np.testing.assert_array_equal(reached, np.tri(4, dtype=bool))


def test_training_reaches_every_unmasked_weight_and_no_masked_one(trained):
    flow, _, _ = trained
    fresh = tfp_maf.build_maf(**flow.arguments)
    assert len(kernels(flow)) == 6
    for old, new in zip(kernels(fresh), kernels(flow), strict=True):
        mask = flow.masks[new.ref()].astype(bool)
        assert (old.numpy() != new.numpy())[mask].all()
        assert (new.numpy()[~mask] == 0).all()
        assert not mask.all()


def test_samples_repeat_with_their_seed_whatever_their_number(trained):
    flow, _, _ = trained
    first = flow.sample(100, seed=3).numpy()
    assert first.shape == (100, 4)
    np.testing.assert_array_equal(first, flow.sample(100, seed=3))
    assert (first != flow.sample(100, seed=4).numpy()).all()
    assert flow.sample(10_001, seed=3).shape == [10_001, 4]


def test_a_saved_flow_is_the_same_flow(trained, tmp_path):
    flow, x, _ = trained
    flow.save(tmp_path / "run")
    again = tfp_maf.load_flow(tmp_path / "run")
    np.testing.assert_array_equal(again.log_prob(x), flow.log_prob(x))
    np.testing.assert_array_equal(again.sample(50, seed=2), flow.sample(50, seed=2))
    again.save(tmp_path / "run")  # over the old one
    np.testing.assert_array_equal(tfp_maf.load_flow(tmp_path / "run").log_prob(x), flow.log_prob(x))


def test_the_saved_model_serves_without_the_package(trained, tmp_path):
    flow, x, _ = trained
    flow.save(tmp_path)
    np.save(tmp_path / "x.npy", x)
    code = """
import sys, numpy as np, tensorflow as tf
sys.modules["tfp_maf"] = None
model = tf.saved_model.load("model")
np.save("log_prob.npy", model.log_prob(np.load("x.npy")))
np.save("sample.npy", model.sample(7, [1, 2]))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "log_prob.npy"), flow.log_prob(x), atol=1e-5)
    assert np.load(tmp_path / "sample.npy").shape == (7, 4)


def test_the_saved_model_of_a_table_is_in_its_units(trained, tmp_path):
    flow, z, _ = trained
    scaler = Scaler(
        tuple("abcd"), np.array([1e5, 0.0, -3.0, 7.0]), np.array([2e3, 1e-4, 1.0, 50.0])
    )
    flow.save(tmp_path, scaler=scaler)
    model = tf.saved_model.load(str(tmp_path / "model"))
    log_prob = model.log_prob(scaler.unstandardise(z))
    np.testing.assert_allclose(log_prob, flow.log_prob(z) + scaler.log_det, atol=1e-4)
    standardised = (model.sample(2000, [0, 1]) - scaler.mean) / scaler.scale
    assert np.abs(standardised).max() < 20
    assert [name.decode() for name in model.columns.numpy()] == list(scaler.columns)
    np.testing.assert_array_equal(tfp_maf.load_flow(tmp_path).log_prob(z), flow.log_prob(z))


def test_a_model_that_cannot_take_its_place_leaves_the_one_before(trained, tmp_path, monkeypatch):
    flow, z, _ = trained
    flow.save(tmp_path)
    rename = Path.rename

    def refuse(path, target):
        if path.name == "model" and target == tmp_path / "model":
            raise OSError("no")
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no"):
        patch.setattr(Path, "rename", refuse)
        flow.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    np.testing.assert_array_equal(tfp_maf.load_flow(tmp_path).log_prob(z), flow.log_prob(z))
    (tmp_path / ".model.killed").mkdir()
    flow.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    "damage",
    [
        "truncated",
        "not json",
        "other width",
        "fewer layers",
        "other activation",
        "other format",
        "a bit",
        "no weights",
    ],
)
def test_a_damaged_model_is_refused(trained, tmp_path, damage):
    flow, _, _ = trained
    flow.save(tmp_path)
    weights = next((tmp_path / "model" / "variables").glob("*.data-*"))
    arguments = tmp_path / "model" / "flow.json"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "not json":
        arguments.write_text("{")
    elif damage == "other width":
        arguments.write_text(arguments.read_text().replace('"event_size": 4', '"event_size": 5'))
    elif damage == "fewer layers":
        arguments.write_text(arguments.read_text().replace('"num_layers": 2', '"num_layers": 1'))
    elif damage == "other activation":
        arguments.write_text(arguments.read_text().replace('"tanh"', '"relu"'))
    elif damage == "other format":
        arguments.write_text(arguments.read_text().replace('"format": 2', '"format": 3'))
    elif damage == "a bit":
        content = bytearray(weights.read_bytes())
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    else:
        weights.unlink()
    with pytest.raises(ValueError, match="damaged"):
        tfp_maf.load_flow(tmp_path)


def test_no_model_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no saved flow"):
        tfp_maf.load_flow(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_size": 0}, "event_size must be a positive integer, got 0"),
        ({"event_size": 2.5}, "event_size must be a positive integer"),
        ({"event_size": 2, "num_layers": 0}, "num_layers"),
        ({"event_size": 2, "hidden_units": [0]}, "hidden_units"),
        ({"event_size": 2, "activation": "sofmax2"}, "activation"),
        ({"event_size": 2, "activation": "softmax"}, "'softmax' mixes units"),
        ({"event_size": 2, "order": "random"}, "order must be one of 'paper', 'post'"),
        ({"event_size": 2, "dtype": "float16"}, "dtype"),
        ({"event_size": 2, "log_scale_bound": -1}, "log_scale_bound"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        tfp_maf.build_maf(**arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros([3, 5]), r"shape \[..., 4\], got \[3, 5\]"),
        (np.zeros([5]), r"shape \[..., 4\], got \[5\]"),
        (np.array([[0, 0, 0, 0], [0, np.nan, 0, 0]]), "nan at row 1, column 1"),
        (np.array([[0, 0, 0, 1e300]]), r"1e\+300 at row 0, column 3 .* beyond float32"),
        (np.array([["a", "b", "c", "d"]]), "array of numbers"),
    ],
)
def test_rows_that_have_no_density(trained, x, message):
    with pytest.raises(ValueError, match=message):
        trained[0].log_prob(x)


def test_no_samples_and_fewer(trained):
    assert trained[0].sample(0).shape == [0, 4]
    assert trained[0].sample((3, 0)).shape == [3, 0, 4]
    with pytest.raises(ValueError, match="sample_shape must not be negative"):
        trained[0].sample(-1)
    with pytest.raises(ValueError, match="sample_shape must be an integer"):
        trained[0].sample(2.5)
