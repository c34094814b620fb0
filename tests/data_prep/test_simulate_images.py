"""The stand-in for CIFAR-10."""

import numpy as np
import pytest

from tfp_maf.data_prep import cifar10, simulate_images


def test_it_is_read_as_the_published_files_are(tmp_path):
    splits = cifar10.load_levels(simulate_images.write_cifar10(tmp_path / "new", images=40, seed=1))
    assert [len(x) for x in (splits.train, splits.validation, splits.test)] == [360, 20, 40]
    assert set(splits.labels.train) == set(range(10))
    images = splits.space.to_pixels(splits.test)
    assert images.shape == (40, 32, 32, 3)
    # Neighbours are alike, which random pixels are not, though not equal: a camera's noise.
    steps = np.diff(images, axis=2)
    assert np.corrcoef(images[:, :, 1:].ravel(), images[:, :, :-1].ravel())[0, 1] > 0.8
    assert (steps != 0).mean() > 0.7


def test_a_seed_gives_the_same_files(tmp_path):
    folders = [
        simulate_images.write_cifar10(tmp_path / name, images=3, seed=seed)
        for name, seed in [("a", 1), ("b", 1), ("c", 2)]
    ]
    one, same, other = ((folder / "test_batch.bin").read_bytes() for folder in folders)
    assert one == same != other
    with pytest.raises(ValueError, match="images must be at least 1, got 0"):
        simulate_images.write_cifar10(tmp_path, images=0)


def test_shapes_differ():
    y, x = np.indices([40, 40]) / 20 - 0.975
    shapes = {name: simulate_images.shape_of(name, y, x) for name in simulate_images.SHAPES}
    assert len({shape.tobytes() for shape in shapes.values()}) == cifar10.NUM_LABELS
    assert shapes["square"].sum() == 40 * 40
    assert shapes["disc"].mean() == pytest.approx(np.pi / 4, abs=0.01)
