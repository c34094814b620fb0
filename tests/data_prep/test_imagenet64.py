"""Loading of ImageNet's batches of 64 x 64 pixels, and the network that its paper has for them."""

import pickle

import numpy as np
import pytest

from tfp_maf.data_prep import imagenet64
from tfp_maf.flows import catalogue
from tfp_maf.paper import published
from tfp_maf.paper import reproduce as run_reproduce


def batch(n, *, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, [n, 12288], dtype=np.uint8), rng.integers(1, 1001, n)


@pytest.fixture
def folder(tmp_path):
    """Two training batches of 20 images, one of them in a folder of its own, and 5 to test."""
    (tmp_path / "Imagenet64_train_part2_npz").mkdir()
    images, labels = batch(20, seed=1)
    np.savez(tmp_path / "train_data_batch_1.npz", data=images, labels=labels, mean=images.mean(0))
    images, labels = batch(20, seed=2)
    second = tmp_path / "Imagenet64_train_part2_npz" / "train_data_batch_7.npz"
    np.savez(second, data=images, labels=labels.tolist())
    images, labels = batch(5, seed=3)
    content = {"data": images, "labels": labels.tolist()}
    (tmp_path / "val_data").write_bytes(pickle.dumps(content, protocol=2))
    return tmp_path


def test_levels_are_the_files_and_what_is_missing_is_said(folder):
    splits = imagenet64.load_levels(folder)
    images = np.concatenate([batch(20, seed=1)[0], batch(20, seed=2)[0]])
    labels = np.concatenate([batch(20, seed=1)[1], batch(20, seed=2)[1]]) - 1
    np.testing.assert_array_equal(splits.train, images[:36])
    np.testing.assert_array_equal(splits.validation, images[36:])
    np.testing.assert_array_equal(splits.test, batch(5, seed=3)[0])
    np.testing.assert_array_equal(splits.labels.validation, labels[36:])
    np.testing.assert_array_equal(splits.labels.test, batch(5, seed=3)[1] - 1)
    assert splits.labels.count == 1000
    assert splits.source == f"{folder}, 2 of 10 training batches"
    # A picture's first pixel has the first value of each colour.
    picture = splits.space.to_pixels(splits.train[:1])[0]
    assert picture.shape == (64, 64, 3)
    np.testing.assert_allclose(picture[0, 0] * 255, images[0, [0, 4096, 8192]])


def test_logits_lie_within_the_levels(folder):
    splits, levels = imagenet64.load(folder, seed=5), imagenet64.load_levels(folder)
    for part in ("train", "validation", "test"):
        pixels = splits.space.to_pixels(getattr(splits, part))
        level = levels.space.to_pixels(getattr(levels, part)) * 255
        assert ((pixels * 256 > level - 0.01) & (pixels * 256 < level + 1.01)).all()
    assert not np.array_equal(splits.test, imagenet64.load(folder, seed=6).test)
    np.testing.assert_array_equal(splits.train, imagenet64.load(folder, seed=5).train)


def too_large(*arguments, **options):
    raise MemoryError("Unable to allocate 70.3 MiB")


def test_bad_batches(folder, monkeypatch):
    path = folder / "train_data_batch_1.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"train_data_batch_1\.npz is damaged"):
        imagenet64.load_levels(folder)
    images, labels = batch(3, seed=1)
    for content, message in (
        ({"data": images}, "lacks data or labels"),
        (
            {"data": images[:, :3072], "labels": labels},
            r"64 x 64 .* but has uint8 \[3, 3072\]",
        ),
        ({"data": images.astype(float), "labels": labels}, "in bytes, .*float64"),
        ({"data": images, "labels": labels[:2]}, "a label from 1 to 1000 for each of its 3"),
        ({"data": images, "labels": labels * 0}, "a label from 1 to 1000"),
        ({"data": images, "labels": labels + 0.5}, "a label from 1 to 1000"),
        ({"data": images, "labels": ["a", "b", "c"]}, "a label from 1 to 1000"),
        ({"data": images[:0], "labels": labels[:0]}, "has no images"),
        ({"data": np.array([object()]), "labels": labels}, "damaged"),
    ):
        np.savez(path, **content)
        with pytest.raises(ValueError, match=message):
            imagenet64.load_levels(folder)
    path.write_bytes(whole)
    with monkeypatch.context() as changed:
        changed.setattr(np, "load", too_large)
        with pytest.raises(ValueError, match=r"batch_1\.npz does not fit into memory; use fewer"):
            imagenet64.load_levels(folder)
    path.unlink()
    (folder / "Imagenet64_train_part2_npz" / "train_data_batch_7.npz").unlink()
    with pytest.raises(OSError, match=r"no train_data_batch_1 or any other of 10 \(\.npz, or a"):
        imagenet64.load(folder)
    (folder / "val_data").unlink()
    with pytest.raises(OSError, match="no val_data and no train_data_batch_1"):
        imagenet64.load(folder)


def test_reproduce_reads_it_for_flows_and_for_models_of_levels(folder):
    loaded = run_reproduce._load(
        "imagenet64", str(folder), seed=0, models=("tarflow", "pixelcnn_pp")
    )
    assert loaded[False].space == imagenet64.SPACE
    assert loaded[True].space.levels == 256
    assert set(run_reproduce._load("imagenet64", str(folder), seed=0, models=())) == {False}


def test_tarflow_has_its_papers_size():
    networks = published.REPRODUCED["imagenet64"].networks_of(
        "tarflow_conditional", of_levels=False
    )
    sizes = ("patch", "num_blocks", "layers", "width", "heads")
    assert [networks[name] for name in sizes] == [2, 8, 8, 768, 12]
    # All are the builder's, and none is the catalogue's, which would take precedence.
    for sizes_of in published.SIZES.values():
        own = {*sizes_of["tarflow"]}
        assert own <= {*catalogue.arguments_of("build_tarflow")}
        assert not own & {*catalogue.REPRODUCED["tarflow"].arguments}
    assert "patch" not in published.REPRODUCED["mnist"].networks_of("tarflow", of_levels=False)


@pytest.mark.parametrize("name", catalogue.OF_IMAGES)
def test_models_of_images_can_be_built_for_colours(name):
    sizes = published.REPRODUCED["cifar10"].networks_of(name, of_levels=True)
    model = catalogue.REPRODUCED[name].build((4, 4, 3), levels=256, **sizes)
    assert model.event_size == 48


def test_what_is_given_replaces_a_model_of_images_own():
    model = catalogue.REPRODUCED["pixelsnail"].build((8, 8), levels=3, hidden_units=(16,))
    assert model.arguments["hidden_units"] == [16]
