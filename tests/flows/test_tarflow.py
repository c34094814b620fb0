"""TarFlow: patches, blocks, cached sampling, invalid arguments."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from rows import jacobian

import tfp_maf
from tfp_maf.flows.tarflow import build_tarflow, patch_order

SMALL = {"num_blocks": 2, "layers": 2, "width": 8, "heads": 2, "dtype": "float64"}


def shaken(image_shape=(4, 4), *, patch=2, **options):
    flow = build_tarflow(image_shape, patch=patch, **(SMALL | options))
    rng = np.random.default_rng(1)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(size=variable.shape, scale=0.15))
    return flow


def rows(n=6, size=16, seed=2):
    return np.random.default_rng(seed).normal(size=[n, size])


def test_patches_of_a_grey_image():
    order = patch_order((4, 4), 2).reshape(4, 4)
    np.testing.assert_array_equal(
        order, [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    )


def test_patches_of_a_coloured_image_hold_all_colours():
    order = patch_order((2, 4, 3), 2).reshape(2, 12)
    np.testing.assert_array_equal(order // 8, [[0, 1, 2] * 4] * 2)  # eight pixels per colour
    np.testing.assert_array_equal(order[0] % 8, np.repeat([0, 1, 4, 5], 3))


def test_blocks_start_as_the_identity():
    flow = build_tarflow((4, 4), patch=2, num_blocks=3, layers=1, width=8, heads=2)
    x = rows().astype(np.float32)
    normal = tfp.distributions.Normal(0.0, 1.0).log_prob(x)
    np.testing.assert_allclose(flow.log_prob(x), tf.reduce_sum(normal, axis=1), rtol=1e-5)


def test_a_block_is_triangular_by_patches():
    """Noise of a patch depends on the patches before it, and on its own pixel."""
    flow = shaken(num_blocks=1)
    layer = flow.bijectors[1]
    x = tf.constant(rows())
    reached = np.abs(jacobian(layer.inverse, x)).max(axis=0) > 0
    patch = np.arange(16) // 4
    before = patch[:, None] > patch
    np.testing.assert_array_equal(reached, before | np.eye(16, dtype=bool))


def test_orders_are_reversed_from_block_to_block():
    """Through two blocks, every pixel's noise depends on every pixel but its own patch's others."""
    reached = np.abs(jacobian(shaken()._tfp_noise, tf.constant(rows()))).max(axis=0) > 0
    first = np.abs(jacobian(shaken(num_blocks=1)._tfp_noise, tf.constant(rows()))).max(axis=0) > 0
    assert reached.sum() > first.sum()
    assert reached.any(axis=0).all()
    assert reached[:4].any(axis=0).all()  # the last patch of the second block sees all


def test_the_log_determinant_is_that_of_the_jacobian_and_tfps():
    flow, x = shaken(), tf.constant(rows())
    slogdet = np.linalg.slogdet(jacobian(flow._tfp_noise, tf.identity(x)))[1]
    u = flow.noise(x)
    normal = -0.5 * (u.numpy() ** 2).sum(axis=1) - 8 * np.log(2 * np.pi)
    np.testing.assert_allclose(flow.log_prob(x.numpy()), normal + slogdet, atol=1e-9)
    np.testing.assert_allclose(flow.log_prob(x.numpy()), flow.distribution.log_prob(x), atol=1e-9)


@pytest.mark.parametrize("num_labels", [0, 3])
def test_cached_sampling_is_the_naive_inverse(num_labels):
    flow = shaken(num_labels=num_labels)
    u = rows()
    condition = np.arange(6) % 3 if num_labels else None
    given = tf.one_hot(condition, 3, dtype=tf.float64) if num_labels else None
    options = {"condition": given} if num_labels else {}
    x = tf.constant(u)
    for bijector in reversed(flow.bijectors):
        if isinstance(bijector, tfp.bijectors.MaskedAutoregressiveFlow):
            x = tfp.bijectors.MaskedAutoregressiveFlow(bijector.network).forward(x, **options)
        else:
            x = bijector.forward(x)
    joined = u if given is None else np.concatenate([u, given], axis=1)
    np.testing.assert_allclose(flow._tfp_data(tf.constant(joined)), x, atol=1e-10)
    np.testing.assert_allclose(flow.noise(x, condition), u, atol=1e-10)
    sampled = flow.sample(6, condition=condition, seed=3)
    back = flow.noise(sampled, condition)
    np.testing.assert_allclose(back, np.random.default_rng(3).standard_normal([6, 16]), atol=1e-9)


def test_it_integrates_to_one_at_two_patches_of_one_pixel():
    flow = shaken((1, 2), patch=1)
    t = np.linspace(-9, 9, 401)
    axis, spacing = np.sinh(t), np.cosh(t) * (t[1] - t[0])
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    weights = np.outer(spacing, spacing).ravel()
    assert np.exp(flow.log_prob(grid)) @ weights == pytest.approx(1, abs=1e-3)


def test_gradients_reach_every_parameter():
    flow = shaken(num_labels=2)
    joined = flow.joined_rows(rows(40), np.arange(40) % 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow.tfp_log_prob(tf.constant(joined)) * np.linspace(0.5, 2, 40))
    for variable, gradient in zip(
        flow.trainable_variables, tape.gradient(loss, flow.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        # A key's bias adds the same to all scores of a query: it has no effect.
        if "bias" not in variable.name:
            assert (np.abs(gradient) > 0).mean() > 0.5, variable.name


def test_events_of_any_batch_shape():
    flow, x = shaken(), rows(6)
    np.testing.assert_allclose(
        flow.log_prob(x.reshape(2, 3, 16)), flow.log_prob(x).numpy().reshape(2, 3), atol=1e-12
    )
    np.testing.assert_allclose(flow.distribution.log_prob(x[0]), flow.log_prob(x[:1])[0])


@pytest.mark.slow
def test_it_trains_saves_and_samples(tmp_path):
    """Images whose lower half follows from the upper."""
    upper = np.random.default_rng(0).normal(size=[600, 8])
    x = np.concatenate([upper, np.sin(2 * upper) + 0.1 * rows(600, 8)], axis=1)
    flow = build_tarflow((4, 4), patch=2, num_blocks=2, layers=1, width=16, heads=2)
    history = tfp_maf.fit(
        flow, x[:500], x[500:], learning_rate=5e-3, batch_size=50, max_epochs=8, progress=False
    )
    assert history.best_validation > history.untrained + 1
    flow.save(tmp_path)
    again = tfp_maf.load_flow(tmp_path)
    np.testing.assert_array_equal(again.log_prob(x[:9]), flow.log_prob(x[:9]))
    np.testing.assert_array_equal(again.sample(5, seed=1), flow.sample(5, seed=1))
    served = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(
        served.log_prob(tf.constant(x[:9], tf.float32)), flow.log_prob(x[:9]), rtol=1e-4, atol=1e-4
    )
    assert served.sample(3, tf.constant([1, 2])).shape == [3, 16]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (28,)}, r"image_shape must be like \(28, 28\)"),
        ({"image_shape": 784}, r"image_shape must be like \(28, 28\)"),
        ({"image_shape": (4, 0)}, "image_shape must be a positive integer"),
        ({"patch": 3}, "patch=3 does not divide 4 x 4"),
        ({"heads": 3}, "heads=3 does not divide width=8"),
        ({"layers": 0}, "layers must be a positive integer"),
        ({"log_scale_bound": -1.0}, "log_scale_bound must be a finite number above 0"),
        ({"activation": "softmax"}, "mixes units"),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    given = {"image_shape": (4, 4), "patch": 2, "width": 8, "heads": 2} | options
    with pytest.raises(ValueError, match=message):
        build_tarflow(**given)
