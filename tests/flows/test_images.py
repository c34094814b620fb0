"""Models of images: probabilities, what sees what, drawing, training, files."""

import itertools
import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from image_models import TINY, every_kind, every_network, every_tiny_network, shake, shaken, some
from scipy import stats

import tfp_maf
from tfp_maf.flows import guidance
from tfp_maf.flows.image_attention import build_image_transformer, build_pixelsnail
from tfp_maf.flows.pixelcnn import build_patch_made, build_pixelcnn, build_pixelcnn_pp
from tfp_maf.networks.drawing import draw
from tfp_maf.networks.views import digest, scattered
from tfp_maf.training.distributed import Workers
from tfp_maf.training.objective import StepSettings
from tfp_maf.training.steps import make_steps, rows_at_once


def every_image(model):
    return np.array(list(itertools.product(range(model.levels), repeat=model.event_size)), float)


@every_tiny_network
@every_kind
def test_probabilities_of_all_tiny_images_sum_to_one(name, kind):
    model = shaken(name, (2, 2) if kind != "binary" else (2, 4), kind=kind)
    log_prob = model.base.log_prob(every_image(model))
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    [
        *[(name, "binary", (2, 2, 3)) for name in TINY],
        ("pixelcnn", "logistic", (2, 1, 3)),
        ("gated", "categorical", (2, 1, 3)),
        ("gated", "logistic", (2, 1, 3)),
    ],
)
def test_probabilities_of_all_tiny_coloured_images_sum_to_one(name, kind, shape):
    model = shaken(name, shape, kind=kind)
    log_prob = model.base.log_prob(every_image(model))
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.slow
def test_probabilities_of_all_images_of_a_pixelcnn_pp_sum_to_one():
    model = shaken("pixelcnn_pp", (4, 4), dtype="float32")
    score = tf.function(model.base.log_prob)
    parts = np.split(every_image(model).astype(np.float32), 16)
    total = sum(np.exp(np.float64(score(part))).sum() for part in parts)
    assert total == pytest.approx(1, abs=1e-4)


@every_network
def test_the_compiled_density_is_the_distributions(name):
    model = shaken(name, (4, 4), num_labels=2)
    x, labels = some(model, 12), np.arange(12) % 2
    expected = model.base.log_prob(x, condition=tf.one_hot(labels, 2, dtype=tf.float64))
    np.testing.assert_allclose(model.log_prob(x, labels), expected, atol=1e-9)
    np.testing.assert_allclose(model.log_prob(x[3], labels[3]), expected[3], atol=1e-9)


def order_of(model):
    """The position of each column of a row in the order in which values are drawn."""
    sites = model.network.sites
    places = sites.of_rows(tf.range(model.event_size)[None])
    return np.argsort(tf.reshape(places, [-1]).numpy())


def check_order(model):
    """No conditional depends on a later value, and most values matter for a later one."""
    order = order_of(model)
    x = some(model, 1)
    others = np.repeat(x, model.event_size, axis=0)
    np.fill_diagonal(others, (x[0] + 1) % model.levels)  # the i-th differs in its i-th value
    same = np.repeat(x, model.event_size, axis=0)
    before, after = (model.base.conditionals(rows).numpy() for rows in (same, others))
    moved = np.abs(after - before) > 1e-9  # rounding, where log-probabilities are large
    np.fill_diagonal(moved, False)  # a value's own probability is its own
    is_later = order[None, :] > order[:, None]
    assert not (moved & ~is_later).any()
    assert (moved & is_later).any(axis=1).mean() > 0.7


@every_network
@pytest.mark.parametrize(
    ("kind", "shape"),
    [("binary", (4, 4)), ("categorical", (4, 4, 3)), ("logistic", (4, 4, 3))],
)
def test_no_conditional_depends_on_a_later_value(name, kind, shape):
    if name == "pixelcnn_pp" and kind == "categorical":
        pytest.skip("it leaves colours to the logistic distributions")
    model = shaken(name, shape, kind=kind)
    check_order(model)
    # After steps of an optimizer that knows of no mask, and after an assignment.
    x, optimizer = tf.constant(some(model, 20, seed=1)), tf_keras.optimizers.Adam(0.05)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(model.tfp_log_prob(x))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    check_order(model)
    for variable in model.trainable_variables:
        variable.assign(np.random.default_rng(2).normal(0, 0.5, variable.shape))
    check_order(model)


def test_patches_are_drawn_one_after_the_other_and_rows_hold_colour_after_colour():
    model = shaken("patch_made", (4, 4))
    expected = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    np.testing.assert_array_equal(order_of(model).reshape(4, 4), expected)
    model = shaken("pixelcnn", (1, 2, 3))
    np.testing.assert_array_equal(order_of(model), [0, 3, 1, 4, 2, 5])  # r0 r1 g0 g1 b0 b1


@every_network
@pytest.mark.parametrize("channels", [1, 3])
def test_drawing_computes_the_networks_own_outputs(name, channels):
    """Each site's column alone, against one pass of the whole network over the drawn image."""
    kind = "logistic" if name == "pixelcnn_pp" else "binary"
    model = shaken(name, (4, 4, channels), kind=kind, num_labels=3)
    sites, n = model.network.sites, 2
    given = tf.one_hot([0, 2], 3, dtype=tf.float64)
    levels = sites.of_rows(tf.constant(some(model, n)))
    expected = model.network(levels, given)
    seen = []

    def choose(outputs, site, value, row, column):
        seen.append((outputs.numpy(), int(row), int(column), value))
        return levels[:, row, column, value]

    drawn = draw(model.network, choose, n, given, dtype=tf.float64)
    np.testing.assert_array_equal(drawn, levels)
    assert len(seen) == model.event_size
    for outputs, row, column, value in seen:
        pixel, colour = divmod(value, channels)
        own = outputs.shape[-1] // channels  # outputs of one colour
        those = slice(None) if kind == "logistic" else slice(colour * own, (colour + 1) * own)
        np.testing.assert_allclose(
            outputs[:, pixel, those], expected[:, row, column, pixel, those], atol=1e-10
        )


@every_network
@pytest.mark.parametrize("kind", ["binary", "logistic"])
def test_samples_are_those_of_naive_sampling(name, kind):
    if name == "pixelcnn_pp" and kind == "binary":
        pytest.skip("it leaves colours to the logistic distributions")
    model = shaken(name, (4, 4, 3), kind=kind, dtype="float32", num_labels=2)
    given = tf.one_hot([0, 1, 1], 2)
    noise = tf.random.stateless_normal([3, model.event_size, 2], [1, 2])
    drawn = model.base.from_noise(noise, given)
    np.testing.assert_array_equal(drawn, model.base.from_noise(noise, given, naively=True))
    assert set(np.unique(drawn)) == set(range(model.levels))


@every_network
def test_the_same_seed_gives_the_same_images(name):
    model = shaken(name, (4, 4), dtype="float32", num_labels=2)
    labels = np.arange(12) % 2
    drawn = model.sample(12, condition=labels, seed=1)
    assert drawn.shape == [12, 16]
    np.testing.assert_array_equal(
        model.sample([2, 3], condition=labels[:6].reshape(2, 3), seed=1),
        tf.reshape(drawn[:6], [2, 3, 16]),
    )
    noise = np.random.default_rng(1).standard_normal([12, 32]).reshape(12, 16, 2)
    given = tf.one_hot(labels, 2)
    np.testing.assert_array_equal(
        drawn, model.base.from_noise(tf.constant(noise, tf.float32), given)
    )


@every_network
def test_samples_have_the_probabilities(name):
    if name == "pixelcnn_pp":
        pytest.skip("it has too many images; its samples are those of naive sampling")
    model = shaken(name, (2, 2), spread=0.5, dtype="float32")
    every = every_image(model)
    drawn = model.sample(4000, seed=0).numpy()
    counts = np.array([(drawn == row).all(axis=1).mean() for row in every])
    # Five standard errors of a share of one half.
    np.testing.assert_allclose(counts, np.exp(model.log_prob(every)), atol=5 * 0.5 / 4000**0.5)


@every_network
def test_a_condition_changes_every_conditional(name):
    model = shaken(name, (4, 4), num_labels=2)
    x = tf.constant(some(model, 30))
    zeros, ones = (tf.one_hot([label] * 30, 2, dtype=tf.float64) for label in (0, 1))
    moved = np.abs(model.base.conditionals(x, zeros) - model.base.conditionals(x, ones))
    assert (moved.max(axis=0) > 1e-6).all()


@every_network
def test_gradients_reach_every_unmasked_weight(name):
    model = shaken(name, (8, 8), num_labels=2)
    rows = tf.constant(model.joined_rows(some(model, 30), np.arange(30) % 2))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.tfp_log_prob(rows) * np.linspace(0.5, 2, 30))
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        mask = np.broadcast_to(model.masks.get(variable.ref(), 1) != 0, variable.shape)
        assert not gradient.numpy()[~mask].any()
        # A relu unit may be dead, and an offset of a large kernel lie beyond the border.
        if mask.any():  # the only value of a site sees no other of it
            assert (np.abs(gradient.numpy())[mask] > 0).mean() > 0.4, variable.name


@every_network
def test_it_is_a_distribution_of_tfp(name):
    kind = "logistic" if name == "pixelcnn_pp" else "binary"
    model = shaken(name, (4, 8, 3), kind=kind, dtype="float32")
    images = model.images
    assert images.event_shape == [4, 8, 3]
    assert images.batch_shape == []
    drawn = tf.function(lambda: images.sample([2, 3], seed=(1, 2)))()
    assert drawn.shape == [2, 3, 4, 8, 3]
    rows = model.to_rows(drawn)
    np.testing.assert_array_equal(model.to_images(rows), drawn)
    np.testing.assert_allclose(images.log_prob(drawn), model.log_prob(rows), rtol=1e-4)
    several = tfp.distributions.Sample(model.distribution, 2)
    assert several.log_prob(several.sample(seed=(1, 2))).shape == []


def test_given_a_label_it_is_a_distribution():
    model = shaken("gated", (2, 2), num_labels=3)
    many = model.given([0, 2])
    assert many.batch_shape == [2]
    drawn = many.sample(5, seed=(1, 2))
    assert drawn.shape == [5, 2, 4]
    np.testing.assert_allclose(many.log_prob(drawn), model.log_prob(drawn, [0, 2]), atol=1e-9)


def test_kernels_that_reach_beyond_the_image_take_no_memory():
    near, far = (
        build_pixelcnn((4, 4), levels=2, gated=True, num_layers=1, features=4, dilations=[dilation])
        for dilation in (4, 100_000)
    )
    shake(near)
    for one, other in zip(near.trainable_variables, far.trainable_variables, strict=True):
        other.assign(one)
    x = some(near, 5)
    np.testing.assert_array_equal(far.log_prob(x), near.log_prob(x))
    np.testing.assert_array_equal(far.sample(5, seed=1), near.sample(5, seed=1))


def test_noise_is_computed_for_few_images_at_a_time():
    model = shaken("pixelcnn", (2, 2), kind="categorical", dtype="float32")
    x = some(model, 250)
    np.testing.assert_allclose(model.noise(x), model._graph_noise(np.float32(x)), atol=1e-5)
    assert {shape[0] for shape in model._noises._by_shape} <= {10, 100}


def test_bits_per_dimension():
    model = build_pixelcnn((4, 4), levels=2, num_layers=1, features=4)
    for variable in model.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    np.testing.assert_allclose(model.bits_per_dimension(some(model, 3)), 1.0, rtol=1e-6)


@pytest.mark.slow
@every_network
def test_saved_and_loaded_it_is_the_same(name, tmp_path):
    model = shaken(name, (4, 4), dtype="float32", num_labels=2)
    model.save(tmp_path)
    again = tfp_maf.load_flow(tmp_path)
    x, labels = some(model, 7), np.arange(7) % 2
    np.testing.assert_array_equal(again.log_prob(x, labels), model.log_prob(x, labels))
    np.testing.assert_array_equal(
        again.sample(7, condition=labels, seed=1), model.sample(7, condition=labels, seed=1)
    )
    served = tf.saved_model.load(str(tmp_path / "model"))
    given = tf.constant(labels, tf.int32)
    found = served.log_prob(tf.constant(x, tf.float32), given)
    np.testing.assert_allclose(found, model.log_prob(x, labels), atol=1e-4, rtol=1e-5)
    drawn = served.sample(7, tf.constant([1, 2]), given)
    assert set(np.unique(drawn)) <= {0.0, 1.0}


def stripes(n, seed=0):
    """Grey levels of images of one bright row or column, ``[n, 16]`` between 0 and 1."""
    rng = np.random.default_rng(seed)
    images = np.full([n, 4, 4], 0.05)
    for image, line, upright in zip(
        images, rng.integers(0, 4, n), rng.integers(0, 2, n), strict=True
    ):
        image[(slice(None), line) if upright else line] = 0.95
    return images.reshape(n, 16)


def binarised(x, rng):
    return (rng.random(x.shape) < x).astype(float)


@pytest.mark.slow
@every_tiny_network
def test_training_finds_the_pattern_and_resumes(name, tmp_path):
    """With a new binarisation each epoch, and with dropout."""
    grey, held_out = stripes(400), binarised(stripes(200, 1), np.random.default_rng(2))
    options = {"learning_rate": 1e-2, "batch_size": 50, "progress": False, "redraw": binarised}

    def fresh():
        if name == "patch_made":
            return build_patch_made(
                (4, 4), levels=2, patch=2, num_layers=1, features=16, hidden_units=(16,)
            )
        if name in ("pixelsnail", "image_transformer"):
            build = build_pixelsnail if name == "pixelsnail" else build_image_transformer
            return build((4, 4), levels=2, num_layers=1, features=16, heads=2, hidden_units=(16,))
        return build_pixelcnn((4, 4), levels=2, gated=name == "gated", num_layers=1, features=8)

    straight, resumed = fresh(), fresh()
    history = tfp_maf.fit(straight, grey, held_out, max_epochs=8, **options)
    # Eight kinds of images, and the noise of 16 pixels.
    ideal = np.log(8) - 16 * (0.95 * np.log(0.95) + 0.05 * np.log(0.05))
    assert history.best_validation > -ideal - 1.2
    kept = tmp_path / "training.npz"
    for epochs in (3, 8):
        again = tfp_maf.fit(resumed, grey, held_out, max_epochs=epochs, checkpoint=kept, **options)
    np.testing.assert_allclose(again.validation, history.validation, rtol=1e-6)


@pytest.mark.slow
def test_a_pixelcnn_pp_is_trained_with_dropout():
    model = build_pixelcnn_pp((4, 4), levels=2, num_layers=1, features=8, dropout=0.1)
    rng = np.random.default_rng(0)
    train, held_out = binarised(stripes(400), rng), binarised(stripes(100, 1), rng)
    options = {"learning_rate": 1e-2, "batch_size": 50, "max_epochs": 3, "progress": False}
    history = tfp_maf.fit(model, train, held_out, jit_compile=False, **options)
    assert history.best_validation > history.untrained + 0.5


def test_in_training_features_are_dropped_as_a_function_of_images_and_step():
    model = build_patch_made(
        (4, 4), levels=2, patch=2, num_layers=2, features=16, hidden_units=(8,), dropout=0.5
    )
    shake(model)
    rows = tf.constant(some(model, 4), tf.float32)

    def dropped(images, step):
        return model.tfp_log_prob(images, training=True, step=step).numpy()

    assert (np.abs(dropped(rows, 5) - model.tfp_log_prob(rows)) > 1e-4).any()
    np.testing.assert_array_equal(dropped(rows, 5), dropped(rows, 5))
    other = tf.concat([1 - rows[:1], rows[1:]], axis=0)
    assert (dropped(other, 5)[1:] != dropped(rows, 5)[1:]).any()
    # Where a gradient takes one image at a time, that has lost the same features in each epoch.
    alone = np.concatenate([dropped(rows[:1], step) for step in range(5)])
    assert len(np.unique(alone)) > 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_dropped_does_not_depend_on_the_machine(dtype):
    images = np.random.default_rng(0).random([50, 16, 16, 1]).astype(dtype)
    bits = images.ravel().view(np.int32)
    bits = bits ^ (bits >> 20)
    with np.errstate(over="ignore"):
        expected = (bits * np.arange(1, bits.size + 1, dtype=np.int32)).sum(dtype=np.int32)
    for compiles in (False, True):
        assert tf.function(digest, jit_compile=compiles)(images).numpy() == expected
    assert digest(images[::-1]).numpy() != expected


def test_scattered_numbers_look_random():
    """Uniform, also among neighbours and among seeds; whatever computes them, they are equal."""
    drawn = np.stack([scattered(tf.constant(seed), (100, 1000)) for seed in range(5)])
    compiled = tf.function(lambda: scattered(tf.constant(3), (100, 1000)), jit_compile=True)
    np.testing.assert_array_equal(compiled(), drawn[3])
    assert 0 <= drawn.min() <= drawn.max() <= 1
    for part in (drawn.ravel(), drawn[:, ::7, ::8].ravel(), drawn[:, 0, :20].ravel()):
        assert stats.kstest(part, "uniform").pvalue > 1e-3
    neighbours = [drawn[:, :, 1:], drawn[:, 1:], drawn[1:], drawn[:, :, 9:]]
    places = [drawn[:, :, :-1], drawn[:, :-1], drawn[:-1], drawn[:, :, :-9]]
    for one, other in zip(places, neighbours, strict=True):
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(one.size)


def steps_of(model, at_once, *, batch_size=12):
    model.gradient_rows = at_once
    adam = tf_keras.optimizers.Adam(1e-2, jit_compile=False)
    return make_steps(model, adam, StepSettings(batch_size, 1e-3), workers=Workers())


@pytest.mark.parametrize("gated", [False, True])
def test_a_pixelcnn_knows_where_a_pixel_is(gated):
    """Kernels alone can't tell rows whose neighbours are black, the border being far."""
    options = {"num_layers": 1, "features": 4, "dtype": "float64"}
    model = build_pixelcnn((16, 16), levels=2, gated=gated, **options)
    images = np.zeros([2, 16, 16])
    images[0, 9, 8] = images[1, 10, 8] = 1

    def difference():
        return float(np.diff(model.log_prob(images.reshape(2, 256)))[0])

    assert difference() == pytest.approx(0, abs=1e-9)
    for variable in model.trainable_variables:
        if variable.name.startswith("place"):
            variable[10].assign(variable[10] + 3)
    assert abs(difference()) > 1e-2


def test_each_step_drops_other_features():
    """By the same images twice, and a rate of learning that changes no weight."""
    model = build_patch_made(
        (4, 4), levels=2, patch=2, num_layers=1, features=16, hidden_units=(8,), dropout=0.5
    )
    model.gradient_rows = 1
    adam = tf_keras.optimizers.Adam(0.0, jit_compile=False)
    settings = StepSettings(1, 0.0, jit_compile=False)
    steps = make_steps(model, adam, settings, workers=Workers())
    image = tf.constant(some(model, 1), tf.float32)
    totals = [float(steps.run(image, 1)[0]) for _ in range(3)]
    assert len(set(totals)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pixelcnn", "gated"])
def test_gradients_of_a_few_images_at_a_time_are_the_batchs(name):
    rows = binarised(stripes(36), np.random.default_rng(0)).astype(np.float32)
    after = []
    for at_once in (None, 5):  # in fours, as 5 does not divide 12
        model = build_pixelcnn(
            (4, 4), levels=2, gated=name == "gated", num_layers=1, features=4, dtype="float64"
        )
        total, bad = steps_of(model, at_once).run(tf.constant(rows, tf.float64), 3)
        assert bad == -1
        after.append([total, *model.trainable_variables])
    for whole, parts in zip(*after, strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-8, atol=1e-10)


def test_a_training_step_holds_the_features_of_a_few_images():
    """Those of a whole batch leave the cache: a step of a Gated PixelCNN took twice as long.

    Nor does it compute what is dropped by TensorFlow's random numbers, which took longer yet.
    """
    model = build_pixelcnn_pp((32, 32), levels=2, num_layers=1, features=4)
    assert rows_at_once(100, model.gradient_rows) == 4
    rows = tf.zeros([100, 32 * 32])
    steps = steps_of(model, model.gradient_rows, batch_size=100)
    program = steps._run_steps.experimental_get_compiler_ir(rows, tf.constant(1))(stage="hlo")
    assert re.search(r"f32\[4,32,32,\d+\]", program)
    assert not re.search(r"f32\[100,32,32,\d+\]", program)
    assert "rng-bit-generator" not in program
    assert build_patch_made((28, 28), levels=2).gradient_rows >= 100  # their features are few


def test_a_gpu_takes_a_batch_at_once(monkeypatch):
    assert [rows_at_once(n, 6) for n in (100, 64, 6, 7, 1)] == [5, 4, 6, 1, 1]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0"])
    assert rows_at_once(100, 6) == 100


def test_what_is_not_an_image_is_refused():
    model = build_pixelcnn((2, 2), levels=3, num_layers=1, features=4)
    with pytest.raises(
        ValueError, match="x has 3 at row 1, column 2 .*levels are the integers 0 to 2"
    ):
        model.log_prob([[0, 1, 2, 0], [0, 1, 3, 0]])
    with pytest.raises(ValueError, match=r"train has 0\.5 at row 0, column 0"):
        tfp_maf.fit(model, np.full([200, 4], 0.5), np.zeros([2, 4]))
    inside = tf.function(model.log_prob)
    found = inside(tf.constant([[0.0, 1, 2, 0], [0, 1, 0.5, 0], [0, 1, 4, 0]]))
    assert np.isfinite(found[0])
    assert np.isneginf(found[1:]).all()
    with pytest.raises(ValueError, match="don't standardise"):
        model.standardise(np.zeros([2, 4]))
    with pytest.raises(ValueError, match=r"must have shape \[\.\.\., 2, 2\], got \[5, 3, 2\]"):
        model.to_rows(np.zeros([5, 3, 2]))
    with pytest.raises(ValueError, match=r"rows must have shape \[\.\.\., 4\], got \[2, 3\]"):
        model.to_images(np.zeros([2, 3]))
    none = np.zeros([0, 4])
    assert model.to_images(none).shape == (0, 2, 2)
    assert model.to_rows(model.to_images(none)).shape == model.noise(none).shape == (0, 4)
    grey = np.arange(4).reshape(1, 2, 2, 1) % 3
    np.testing.assert_array_equal(model.to_rows(grey), grey.reshape(1, 4))
    with_axes = np.zeros([2, 2, 4])
    with_axes[1, 1, 1] = 3
    with pytest.raises(ValueError, match="x has 3 at row 3, column 1"):
        model.log_prob(with_axes)
    for value in (5000, -1.0, np.nan):
        with pytest.raises(ValueError, match="must have shape"):
            model.log_prob(value)
    with pytest.raises(ValueError, match="x has 7 at row 0"):
        model.log_prob(tf.Variable(np.full([1, 4], 7.0), dtype=tf.float32))
    for bad in (300, 0.5):
        with pytest.raises(ValueError, match="levels are the integers 0 to 2"):
            model.noise(np.full([1, 4], bad))
        noise = tf.function(model.noise)(tf.constant([[0.0, 1, 2, 0], [0, 1, bad, 0]]))
        assert np.isfinite(noise[0]).all()
        assert np.isnan(noise[1, 2])
    with pytest.raises(ValueError, match="levels with noise are none"):
        tfp_maf.fit(model, np.zeros([200, 4]), np.zeros([2, 4]), input_noise=0.1)
    with pytest.raises(ValueError, match="denoising is for densities"):
        guidance.denoised(model, np.zeros([2, 4]), 0.1)
    with pytest.raises(ValueError, match="standardise=False"):
        tfp_maf.fit(tfp_maf.build_made(2), np.zeros([200, 2]), np.zeros([2, 2]), redraw=binarised)


@every_network
def test_what_has_no_condition_has_no_number(name):
    model = shaken(name, (4, 4), num_labels=2, dtype="float32")
    x = some(model, 3)
    for density in (model.distribution.log_prob, model.base.log_prob):
        with pytest.raises(ValueError, match=r"conditional: use the model's given"):
            density(x)
    # In a graph an unknown label can't be refused: it has neither a probability nor an image.
    labels = tf.constant([0, 7, 1])
    drawn = tf.function(lambda c: model.sample(3, condition=c, seed=tf.constant([1, 2])))(labels)
    log_prob = tf.function(lambda c: model.log_prob(tf.constant(x, tf.float32), c))(labels)
    assert np.isnan(drawn.numpy()).all(axis=1).tolist() == [False, True, False]
    assert np.isnan(log_prob.numpy()).tolist() == [False, True, False]


def test_vectors_are_standardised_and_levels_are_not():
    model = build_patch_made((4, 4), levels=3, num_layers=1, features=4, condition_size=2)
    rng = np.random.default_rng(0)
    x, c = rng.integers(0, 3, [300, 16]), rng.normal(20_000, 300, [300, 2])
    options = {"train_condition": c[:200], "validation_condition": c[200:], "progress": False}
    options |= {"max_epochs": 1, "batch_size": 50}
    history = tfp_maf.fit(model, x[:200], x[200:], **options)
    assert model.is_standardised
    np.testing.assert_allclose(
        model.rows.condition_standardisation.loc, c[:200].mean(axis=0), rtol=1e-6
    )
    assert model.standardisation.is_identity
    assert history.untrained > -16 * np.log(3) - 8
    # Intensities that are drawn anew for each epoch are no obstacle.
    black_and_white = build_patch_made((4, 4), levels=2, num_layers=1, features=4, condition_size=2)
    grey = rng.random([300, 16])
    tfp_maf.fit(
        black_and_white, grey[:200], binarised(grey[200:], rng), redraw=binarised, **options
    )
    assert not black_and_white.rows.condition_standardisation.is_identity


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (build_pixelcnn, {"image_shape": (4,)}, "image_shape must be"),
        (build_pixelcnn, {"image_shape": 16}, "image_shape must be"),
        (build_pixelcnn, {"image_shape": None}, "image_shape must be"),
        (build_patch_made, {"image_shape": (4.9, 4.2)}, "image_shape must be"),
        (
            build_pixelcnn,
            {"features": 8, "image_shape": (4, 4, 3), "levels": 2},
            "features must be a multiple of 6",
        ),
        (build_pixelcnn, {"features": 1}, "features must be a multiple of 2"),
        (build_pixelcnn, {"dilations": ()}, r"dilations must be one or more .* above 0, got \(\)"),
        (build_pixelcnn, {"dilations": (1, 0)}, "dilations must be one or more"),
        (build_pixelcnn, {"levels": 0}, "levels"),
        (build_pixelcnn, {"levels": 1}, "levels must be at least 2"),
        (build_pixelcnn, {"seed": 1.5}, "seed must be an integer"),
        (build_pixelcnn, {"pixels": "normal"}, "pixels must be"),
        (build_pixelcnn, {"pixels": "binary"}, "binary pixels have 2 levels"),
        (build_pixelcnn, {"num_layers": 0}, "num_layers"),
        (build_pixelcnn, {"dtype": "float16"}, "dtype"),
        (build_pixelcnn, {"num_labels": 2, "condition_size": 2}, "not both"),
        (build_pixelcnn_pp, {"image_shape": (6, 4)}, "multiples of 4, got 6 x 4"),
        (build_pixelcnn_pp, {"image_shape": (4, 4, 3), "levels": 2}, "pixels='logistic'"),
        (build_patch_made, {"patch": 3}, "patch=3 does not divide"),
        (build_patch_made, {"hidden_units": (8, 9)}, "hidden_units must be one size"),
        (build_patch_made, {"hidden_units": [[4]]}, "hidden_units must be one size"),
        (build_patch_made, {"dropout": 1.0}, "dropout"),
        (build_patch_made, {"dropout": "a"}, "dropout"),
    ],
)
def test_arguments_are_checked(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(options.pop("image_shape", (4, 4)), **options)
