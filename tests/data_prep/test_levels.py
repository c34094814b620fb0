"""Images as levels: MNIST's, binarised, scikit-learn's digits, CIFAR-10's."""

import numpy as np
import pytest

from tfp_maf.data_prep import cifar10, digits, mnist
from tfp_maf.data_prep.levels import LevelSpace, binarise


def test_scikit_learns_digits_are_split_and_whole():
    splits = digits.load()
    parts = [splits.train, splits.validation, splits.test]
    assert [len(part) for part in parts] == [1398, 199, 200]
    assert {*np.unique(splits.train)} == set(range(17))
    # All of them, each once.
    from sklearn.datasets import load_digits

    theirs = load_digits().data
    np.testing.assert_array_equal(
        np.unique(np.concatenate(parts), axis=0), np.unique(theirs, axis=0).astype(np.float32)
    )
    place = int(np.flatnonzero((theirs == splits.test[0]).all(axis=1))[0])
    assert splits.labels.test[0] == load_digits().target[place]


def test_mnists_levels_are_the_files(digits):
    folder, parts = digits
    splits = mnist.load_levels(folder)
    images, labels = parts["train"]
    np.testing.assert_array_equal(splits.train, images[:50])
    np.testing.assert_array_equal(splits.validation, images[50:])
    np.testing.assert_array_equal(splits.test, parts["test"][0])
    np.testing.assert_array_equal(splits.labels.validation, labels[50:])
    assert splits.space == LevelSpace((28, 28), 256)


def test_the_binarisation_is_fixed_by_its_seed(digits):
    folder, parts = digits
    splits = mnist.load_binary(folder)
    assert {*np.unique(splits.train)} == {0, 1}
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(
            getattr(splits, part), getattr(mnist.load_binary(folder), part)
        )
    assert (splits.train != mnist.load_binary(folder, seed=1).train).any()
    np.testing.assert_allclose(splits.intensities, parts["train"][0][:50] / 255, rtol=1e-6)
    # A pixel is white as often as its intensity says.
    np.testing.assert_allclose(splits.train.mean(), splits.intensities.mean(), atol=0.02)
    assert "binarised with seed" in splits.source


def test_black_stays_black_and_white_white():
    drawn = binarise(np.array([[0.0, 1.0]] * 1000, np.float32), np.random.default_rng(0))
    assert (drawn == [0, 1]).all()


def test_a_level_space_knows_bits_and_pictures():
    space = LevelSpace((2, 1), 5)
    np.testing.assert_array_equal(space.to_pixels(np.array([[0, 4]])), [[[0], [1]]])
    assert space.bits_per_dimension(np.log([0.25]), np.zeros([1, 2])) == pytest.approx([1.0])
    coloured = LevelSpace((1, 2, 3), 256).to_pixels(np.arange(6.0)[None] * 51)
    np.testing.assert_allclose(coloured[0, 0], [[0, 0.4, 0.8], [0.2, 0.6, 1.0]])


def test_cifars_levels_are_the_files_and_their_mirror_images(tmp_path):
    rng = np.random.default_rng(0)
    for name in (*cifar10.TRAIN, cifar10.TEST):
        rows = rng.integers(0, 256, [4, 3073])
        rows[:, 0] %= 10
        (tmp_path / f"{name}.bin").write_bytes(rows.astype(np.uint8).tobytes())
    splits = cifar10.load_levels(tmp_path)
    assert splits.train.shape == (36, 3072)
    first, mirrored = (image.reshape(3, 32, 32) for image in (splits.train[0], splits.train[18]))
    np.testing.assert_array_equal(mirrored, first[:, :, ::-1])
    logits = cifar10.load(tmp_path)
    pictures = logits.space.to_pixels(logits.test)
    # The dequantised values lie within the levels they came from.
    np.testing.assert_allclose(splits.space.to_pixels(splits.test), pictures, atol=1 / 200)
