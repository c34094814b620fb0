"""HEPMASS, MINIBOONE, BSDS300, CIFAR-10 and MNIST: small files in each true format."""

import gzip
import pickle
import tracemalloc
from collections import Counter

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rows import idx

from tfp_maf.data_prep import bsds300, cifar10, hepmass, miniboone, mnist, pickles
from tfp_maf.data_prep.column_statistics import ColumnStatistics

RNG = np.random.default_rng(0)


def discrete(x):
    """The authors' rule: which columns' smallest value occurs more than five times."""
    return [sorted(Counter(column).items())[0][1] > 5 for column in x.T]


def test_running_is_what_numpy_says():
    x = np.round(RNG.normal(size=[1000, 4]) * [1, 10, 100, 1] + [0, 1e6, -5, 0], 1)
    x[:, 3] = 2.0
    running = ColumnStatistics(4)
    for chunk in np.array_split(x, [3, 4, 400, 400]):
        running.add(chunk)
    assert running.rows == 1000
    np.testing.assert_allclose(running.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(running.deviation(ddof=1)[:3], x.std(axis=0, ddof=1)[:3], rtol=1e-9)
    np.testing.assert_allclose(
        running.correlation[:3, :3], np.corrcoef(x[:, :3], rowvar=False), atol=1e-9
    )
    np.testing.assert_array_equal(running.constant, [False, False, False, True])
    expected = [(column == column.min()).sum() for column in x.T]
    np.testing.assert_array_equal(running.repeats_of_minimum, expected)


@pytest.fixture
def hepmass_folder(tmp_path):
    """As the publisher writes: numbers like 1.000000000000000000e+00, one more column in test."""
    names = ["# label", *hepmass.FEATURES]

    def write(name, rows, seed, columns, opener=open):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=[rows, 27]).astype(np.float32)
        x[:, [5, 9]] = rng.integers(0, 3, [rows, 2])  # discrete
        label = rng.integers(0, 2, [rows, 1])
        more = [np.full([rows, 1], 1000.0)] if "mass" in columns else []
        with opener(tmp_path / name, "wt") as file:
            file.write(",".join(columns) + "\n")
            np.savetxt(file, np.hstack([label, x, *more]), delimiter=",")
        return x[label[:, 0] == 1].astype(float)

    train = write("1000_train.csv.gz", 600, 1, names, gzip.open)
    test = write("1000_test.csv", 300, 2, [*names, "mass"])
    return tmp_path, train, test


def test_hepmass(hepmass_folder, monkeypatch):
    folder, train, test = hepmass_folder
    monkeypatch.setattr(hepmass, "CHUNK", 97)
    splits = hepmass.load(folder)
    kept = ~np.array(discrete(train))
    assert kept.sum() == 25
    z = (train - train.mean(axis=0)) / train.std(axis=0, ddof=1)
    n = len(train) // 10
    np.testing.assert_allclose(splits.train, z[:-n, kept], atol=1e-5)
    np.testing.assert_allclose(splits.validation, z[-n:, kept], atol=1e-5)
    expected = (test - train.mean(axis=0)) / train.std(axis=0, ddof=1)
    np.testing.assert_allclose(splits.test, expected[:, kept], atol=1e-5)
    assert "f5, f9" in splits.notes[0]


@pytest.mark.slow
def test_hepmass_takes_less_than_twice_its_float32_size(tmp_path):
    rows = 30_000
    columns = ["# label", *hepmass.FEATURES]
    x = np.hstack([np.ones([rows, 1]), RNG.normal(size=[rows, 27])]).astype(np.float32)
    for name in hepmass.FILES:
        pd.DataFrame(x, columns=columns).to_csv(tmp_path / name, index=False)
    hepmass.CHUNK, before = 500, hepmass.CHUNK
    tracemalloc.start()
    try:
        splits = hepmass.load(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        hepmass.CHUNK = before
    size = sum(part.nbytes for part in (splits.train, splits.validation, splits.test))
    assert peak < 2 * size


def test_hepmass_of_another_format(hepmass_folder):
    folder, _, _ = hepmass_folder
    (folder / "1000_test.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        ValueError, match=r"1000_test\.csv is not UCI's file: it has no column '# label'"
    ):
        hepmass.load(folder)
    (folder / "1000_test.csv").unlink()
    with pytest.raises(OSError, match=r"no 1000_test\.csv or 1000_test\.csv\.gz"):
        hepmass.load(folder)


@pytest.fixture
def neutrinos(tmp_path):
    """200 signal rows, three of them outliers, and 50 of background."""
    x = RNG.normal(size=[250, 50])
    x[:, [7, 8, 9]] = RNG.integers(0, 2, [250, 3])
    x[[3, 50, 120]] = -999.0
    text = "\n".join(" ".join(f"{value: .6e}" for value in row) for row in x)
    (tmp_path / miniboone.FILE).write_text(f" 200 50\n{text}\n")
    return tmp_path, np.delete(np.round(x[:200], 9), [3, 50, 120], axis=0)


def test_miniboone(neutrinos):
    folder, signal = neutrinos
    splits = miniboone.load(folder)
    kept = ~np.array(discrete(signal))
    assert kept.sum() == 47
    x = signal[:, kept]
    n_test, n_validation = 19, 17
    seen = x[:-n_test]
    z = (x - seen.mean(axis=0)) / seen.std(axis=0)
    np.testing.assert_allclose(splits.test, z[-n_test:], atol=1e-4)
    np.testing.assert_allclose(splits.validation, z[:-n_test][-n_validation:], atol=1e-4)
    assert len(splits.train) == 197 - n_test - n_validation
    assert splits.notes[0] == "3 outliers dropped"


def test_miniboone_as_the_authors_prepared_it(neutrinos, tmp_path_factory):
    folder, signal = neutrinos
    prepared = tmp_path_factory.mktemp("prepared")
    np.save(prepared / "data.npy", signal[:, ~np.array(discrete(signal))])
    ours, theirs = miniboone.load(folder), miniboone.load(prepared)
    np.testing.assert_allclose(ours.train, theirs.train, atol=1e-4)
    np.testing.assert_allclose(ours.test, theirs.test, atol=1e-4)


def test_miniboone_truncated(neutrinos):
    folder, _ = neutrinos
    path = folder / miniboone.FILE
    path.write_text("\n".join(path.read_text().splitlines()[:100]) + "\n")
    with pytest.raises(ValueError, match="99 rows, but its first line announces 200 signal rows"):
        miniboone.load(folder)
    path.write_text("1 2 3\n")
    with pytest.raises(ValueError, match="first line should hold the numbers"):
        miniboone.load(folder)


@pytest.fixture
def photographs(tmp_path):
    """Images as the publisher's archive unpacks: JPEG, landscape and portrait."""
    for part, count in [("train", 20), ("test", 4)]:
        (tmp_path / "BSDS300" / "images" / part).mkdir(parents=True)
        for i in range(count):
            size = (40, 60, 3) if i % 2 else (60, 40, 3)
            image = np.clip(RNG.normal(100, 30, size), 0, 255).astype(np.uint8)
            path = tmp_path / "BSDS300" / "images" / part / f"{i:06}.jpg"
            Image.fromarray(image).save(path, quality=95)
    return tmp_path


ROWS = {"train": 2000, "validation": 100, "test": 300}


def test_bsds300_from_images(photographs):
    splits = bsds300.load(photographs, rows=ROWS)
    assert [x.shape for x in (splits.train, splits.validation, splits.test)] == [
        (2000, 63),
        (100, 63),
        (300, 63),
    ]
    # The dropped pixel makes the sum zero; levels are 1/256 apart, within -1 and 1.
    whole = np.hstack([splits.train, -splits.train.sum(axis=1, keepdims=True)])
    assert np.abs(whole).max() < 1
    assert 0.05 < whole.std() < 0.2
    again, other = (
        bsds300.load(photographs, rows=ROWS),
        bsds300.load(photographs, rows=ROWS, seed=1),
    )
    np.testing.assert_array_equal(splits.test, again.test)
    assert not np.array_equal(splits.test, other.test)


def test_bsds300_patches_are_of_the_image(tmp_path):
    image = np.arange(20 * 30).reshape(20, 30) % 251
    Image.fromarray(image.astype(np.uint8)).save(tmp_path / "x.png")
    x = bsds300.patches([tmp_path / "x.png"], 50, np.random.default_rng(0))
    windows = np.lib.stride_tricks.sliding_window_view(image / 256, (8, 8)).reshape(-1, 64)
    windows = (windows - windows.mean(axis=1, keepdims=True))[:, :-1]
    nearest = np.abs(x[:, None] - windows[None]).max(axis=2).min(axis=1)
    assert nearest.max() < 1 / 256  # the noise, of one level, less its mean


def test_bsds300_keeps_validation_images_apart(photographs, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        bsds300,
        "patches",
        lambda paths, count, rng: seen.setdefault(count, list(paths)) and np.zeros([count, 63]),
    )
    bsds300.load(photographs, rows=ROWS)
    names = {count: {path.name for path in paths} for count, paths in seen.items()}
    assert len(names[2000]) == 18
    assert len(names[100]) == 2
    assert not names[2000] & names[100]
    assert all("test" in path.parts for path in seen[300])


def test_bsds300_as_the_authors_prepared_it(tmp_path):
    parts = {part: RNG.normal(size=[n, 63]).astype(np.float32) for part, n in ROWS.items()}
    with h5py.File(tmp_path / "BSDS300.hdf5", "w") as file:
        for part, x in parts.items():
            file[part] = x
    splits = bsds300.load(tmp_path)
    for part, x in parts.items():
        np.testing.assert_array_equal(getattr(splits, part), x)
    whole = (tmp_path / "BSDS300.hdf5").read_bytes()
    (tmp_path / "BSDS300.hdf5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"BSDS300\.hdf5 is damaged"):
        bsds300.load(tmp_path)


def test_bsds300_bad_images(photographs, tmp_path_factory):
    (photographs / "BSDS300/images/test/000000.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"000000\.jpg is damaged, or not an image"):
        bsds300.load(photographs, rows=ROWS)
    with pytest.raises(OSError, match=r"neither BSDS300\.hdf5 nor images"):
        bsds300.load(tmp_path_factory.mktemp("none"))


def batches(n=10):
    rng = np.random.default_rng(3)
    for name in (*cifar10.TRAIN, cifar10.TEST):
        yield name, rng.integers(0, 256, [n, 3072], dtype=np.uint8), rng.integers(0, 10, n)


def test_cifar10(tmp_path):
    levels, labels = [], []
    for name, images, of_batch in batches():
        # As Python 2 wrote them: protocol 2, strings of bytes as keys.
        pickled = pickle.dumps({"data": images, "labels": of_batch.tolist()}, protocol=2)
        (tmp_path / name).write_bytes(pickled)
        levels.append(images)
        labels.append(of_batch)
    splits = cifar10.load(tmp_path)
    assert [len(x) for x in (splits.train, splits.validation, splits.test)] == [90, 5, 10]
    train = np.concatenate(levels[:5])
    # The authors draw all the noise of a part at once.
    noise = np.random.RandomState(42).rand(45, 3072)
    y = 0.05 + 0.9 * (train[:45] + noise) / 256
    expected = np.log(y / (1 - y))
    np.testing.assert_allclose(splits.train[:45], expected, atol=1e-5)
    flipped = expected.reshape(-1, 3, 32, 32)[..., ::-1].reshape(-1, 3072)
    np.testing.assert_allclose(splits.train[45:], flipped, atol=1e-5)
    np.testing.assert_array_equal(splits.labels.train, np.tile(np.concatenate(labels)[:45], 2))
    pixels = splits.space.to_pixels(splits.train[:1])
    assert pixels.shape == (1, 32, 32, 3)
    np.testing.assert_allclose(pixels[0, 2, 5, 1], (train[0, 1024 + 69] + noise[0, 1093]) / 256)


def test_cifar10_binary(tmp_path):
    (tmp_path / "py").mkdir()
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for name, images, labels in batches():
        (tmp_path / "py" / name).write_bytes(
            pickle.dumps({"data": images, "labels": labels.tolist()}, protocol=2)
        )
        rows = np.hstack([labels[:, None].astype(np.uint8), images])
        rows.tofile(tmp_path / "cifar-10-batches-bin" / f"{name}.bin")
    one, other = cifar10.load(tmp_path), cifar10.load(tmp_path / "py")
    np.testing.assert_array_equal(one.test, other.test)
    np.testing.assert_array_equal(one.labels.test, other.labels.test)
    path = tmp_path / "cifar-10-batches-bin" / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="truncated"):
        cifar10.load(tmp_path)


def test_cifar10_takes_less_than_twice_its_float32_size(tmp_path):
    for name, images, labels in batches(200):
        rows = np.hstack([labels[:, None].astype(np.uint8), images])
        rows.tofile(tmp_path / f"{name}.bin")
    tracemalloc.start()
    try:
        splits = cifar10.load(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    size = sum(part.nbytes for part in (splits.train, splits.validation, splits.test))
    assert peak < 2 * size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batch: batch.pop("labels"), "test_batch is not a batch of images: it lacks data"),
        (lambda batch: batch.update(data=[[1], [2, 3]]), "test_batch: .*inhomogeneous"),
        (lambda batch: batch.update(data=batch["data"][:, 1:]), r"32 x 32 .* uint8 \[10, 3071\]"),
        (lambda batch: batch.update(data=batch["data"] / 1), "in bytes, .*float64"),
        (lambda batch: batch.update(data=batch["data"][:0], labels=[]), "test_batch has no images"),
        (lambda batch: batch.update(labels=[0] * 9), "a label from 0 to 9 for each of its 10"),
        (lambda batch: batch.update(labels=[10] * 10), "a label from 0 to 9"),
        (lambda batch: batch.update(labels=[0.5] * 10), "a label from 0 to 9"),
    ],
)
def test_cifar10_bad_batch(tmp_path, change, message):
    for name, images, labels in batches():
        batch = {"data": images, "labels": labels.tolist()}
        if name == cifar10.TEST:
            change(batch)
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=4))
    with pytest.raises(ValueError, match=message):
        cifar10.load(tmp_path)


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_a_pickle_that_asks_for_more_than_arrays(tmp_path, capsys):
    for name, *_ in batches():
        (tmp_path / name).write_bytes(pickle.dumps({"data": Evil(), "labels": []}))
    with pytest.raises(ValueError, match=r"data_batch_1 is damaged.*asks for builtins\.print"):
        cifar10.load(tmp_path)
    assert "executed" not in capsys.readouterr().out


def test_mnist(digits):
    folder, parts = digits
    splits = mnist.load(folder)
    rng = np.random.RandomState(42)
    levels = {"train": parts["train"][0][:50], "validation": parts["train"][0][50:]}
    for part, x in (levels | {"test": parts["test"][0]}).items():
        y = 1e-6 + (1 - 2e-6) * (x / 256 + rng.rand(*x.shape) / 256)
        np.testing.assert_allclose(getattr(splits, part), np.log(y / (1 - y)), atol=1e-4)
    np.testing.assert_array_equal(splits.labels.validation, parts["train"][1][50:])


def test_mnist_as_the_authors_prepared_it(digits, tmp_path_factory):
    folder, parts = digits
    x, labels = parts["train"]
    pairs = [(x[:50], labels[:50]), (x[50:], labels[50:]), parts["test"]]
    pairs = tuple(((x / 256).astype(np.float32), labels) for x, labels in pairs)
    prepared = tmp_path_factory.mktemp("prepared")
    (prepared / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(pairs, protocol=2)))
    ours, theirs = mnist.load(folder), mnist.load(prepared)
    np.testing.assert_array_equal(ours.train, theirs.train)
    np.testing.assert_array_equal(ours.test, theirs.test)
    np.testing.assert_array_equal(ours.labels.train, theirs.labels.train)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "should hold"),
        (lambda data: data + b"0", "should hold"),
        (lambda data: b"\0\0\x0d\1" + data[4:], "not an IDX file"),
        (lambda data: b"", "is empty"),
        (lambda data: gzip.compress(data)[:-9], "damaged or truncated gzip"),
        (lambda data: idx(np.full(10, 11)), "label 11 at image 1 is not a digit"),
        (lambda data: idx(np.zeros(9)), "9 labels for 10 images"),
    ],
)
def test_mnist_damaged(digits, change, message):
    folder, _ = digits
    path = folder / mnist.FILES["test"][1]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        mnist.load(folder)


def test_mnist_missing(tmp_path):
    with pytest.raises(OSError, match=r"train-images-idx3-ubyte\(\.gz\): no such file; download"):
        mnist.load(tmp_path)


def test_bits_per_dimension_are_those_of_the_density_of_pixels():
    """By change of variables from logits to grey levels, written out for one image."""
    space = mnist.SPACE
    levels = np.arange(0, 248).reshape(1, 248)
    x = space.to_logits(levels, np.random.RandomState(0)).astype(np.float64)
    log_p = -3.7 * 248  # of the logits, whatever density that is
    s = 1 / (1 + np.exp(-x))
    log_density_of_levels = log_p + np.log((1 - 2e-6) / (256 * s * (1 - s))).sum()
    expected = -log_density_of_levels / (248 * np.log(2))
    bits = space.bits_per_dimension(np.array([log_p]), x)
    np.testing.assert_allclose(bits, expected, rtol=1e-10)


def test_uniform_grey_levels_take_eight_bits():
    """The density of a logit of a uniform level: all 256 equally likely, 8 bits each."""
    alpha = mnist.SPACE.alpha
    levels = np.random.default_rng(0).integers(0, 256, [20, 784])
    x = mnist.SPACE.to_logits(levels, np.random.RandomState(0)).astype(np.float64)
    s = 1 / (1 + np.exp(-x))
    log_p = np.log(s * (1 - s) / (1 - 2 * alpha)).sum(axis=1)
    np.testing.assert_allclose(mnist.SPACE.bits_per_dimension(log_p, x), 8, atol=1e-9)


def test_real_mnist_has_the_papers_gaussian(real_data):
    from tfp_maf.evaluation import baselines

    splits = mnist.load(real_data / "mnist")
    assert [len(x) for x in (splits.train, splits.validation, splits.test)] == [50000, 10000, 10000]
    assert baselines.gaussian(splits.train, splits.test).mean == pytest.approx(-1366.9, abs=0.1)


def old_pickle(columns, blocks, rows):
    """The bytes of such a frame, by classes of the old names."""
    made = {}

    def named(module, name, base=object):
        if (module, name) not in made:
            made[module, name] = type(name, (base,), {"__module__": module})
        return made[module, name]

    class Global:
        def __init__(self, module, name):
            self.module, self.name = module, name

    class Pickler(pickle._Pickler):
        def save(self, value, save_persistent_id=True):
            if isinstance(value, Global):
                self.write(f"c{value.module}\n{value.name}\n".encode())
            elif isinstance(value, tuple) and value and isinstance(value[0], Global):
                function, args, state = value
                self.save(function)
                super().save(args)
                self.write(b"R")
                if state is not None:
                    super().save(state)
                    self.write(b"b")
            else:
                super().save(value)

    index = Global("pandas.indexes.base", "_new_Index")
    axes = [
        (index, (Global("pandas.indexes.base", "Index"), {"data": columns, "name": None}), None),
        (
            index,
            (
                Global("pandas.indexes.range", "RangeIndex"),
                {"start": 0, "stop": rows, "step": 1, "name": None},
            ),
            None,
        ),
    ]
    blocks = [{"values": values, "mgr_locs": places} for places, values in blocks]
    state = (axes, [], [], {"0.14.1": {"axes": axes, "blocks": blocks}})
    manager = (Global("pandas.core.internals", "BlockManager"), (), state)
    frame = (
        Global("pandas.core.frame", "DataFrame"),
        (),
        {"_data": manager, "_typ": "dataframe", "_metadata": []},
    )
    import io

    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump([frame])
    return buffer.getvalue()


def test_a_frame_of_pandas_0(tmp_path):
    values = RNG.normal(size=[3, 7])
    columns = np.array(["Time", "Meth", "Eth"], object)
    blocks = [(slice(0, 1), values[:1]), (np.array([1, 2]), values[1:])]
    (tmp_path / "x.pickle").write_bytes(old_pickle(columns, blocks, 7))
    names, x = pickles.load_frame(tmp_path / "x.pickle")
    assert names == ["Time", "Meth", "Eth"]
    np.testing.assert_array_equal(x, values.T)
    whole = (tmp_path / "x.pickle").read_bytes()
    (tmp_path / "x.pickle").write_bytes(whole[:-40])
    with pytest.raises(ValueError, match=r"x\.pickle is damaged"):
        pickles.load_frame(tmp_path / "x.pickle")


def test_gas_as_the_authors_prepared_it(tmp_path):
    from tfp_maf.data_prep import gas, simulate

    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=500)
    values = np.loadtxt(path, skiprows=1)
    columns = np.array(["Time", "Meth", "Eth", *(f"R{i}" for i in range(1, 17))], object)
    (tmp_path / "p").mkdir()
    pickled = old_pickle(columns, [(slice(0, 19, 1), values.T)], 500)
    (tmp_path / "p" / gas.PREPARED).write_bytes(pickled)
    ours, theirs = gas.load(tmp_path), gas.load(tmp_path / "p")
    np.testing.assert_array_equal(ours.train, theirs.train)
    np.testing.assert_array_equal(ours.test, theirs.test)


def test_power_as_the_authors_prepared_it(tmp_path):
    from tfp_maf.data_prep import power

    minutes = np.arange(300)
    x = np.round(np.abs(RNG.normal(size=[300, 7])) * [1, 1, 240, 1, 9, 9, 9], 3)
    lines = [
        f"16/12/2006;{m // 60:02}:{m % 60:02}:00;" + ";".join(f"{v:.3f}" for v in row)
        for m, row in zip(minutes, x, strict=True)
    ]
    (tmp_path / power.FILE).write_text("\n".join([power.HEADER, *lines]) + "\n")
    (tmp_path / "p").mkdir()
    np.save(tmp_path / "p" / power.PREPARED, np.column_stack([x, minutes]))
    ours, theirs = power.load(tmp_path), power.load(tmp_path / "p")
    np.testing.assert_array_equal(ours.train, theirs.train)
    np.testing.assert_array_equal(ours.test, theirs.test)


def test_a_pickle_whose_array_points_into_memory(tmp_path):
    """A dtype of objects that says it has none: NumPy would follow the bytes as pointers."""

    def short(text):
        return b"U" + bytes([len(text)]) + text

    def number(value):
        return b"J" + value.to_bytes(4, "little", signed=True)

    dtype = b"cnumpy\ndtype\n(" + short(b"O8") + number(0) + number(1) + b"tR"
    dtype += b"(" + number(3) + short(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    body = b"cnumpy.core.multiarray\nscalar\n(" + dtype + short(b"A" * 8) + b"tR."
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02" + body)
    with (tmp_path / "data_batch_1").open("rb") as file, pytest.raises(ValueError, match="'O8'"):
        pickles.load(file, tmp_path / "data_batch_1")


def test_hepmass_truncated(hepmass_folder):
    folder, _, _ = hepmass_folder
    path = folder / "1000_train.csv.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"1000_train\.csv\.gz is a damaged or truncated gzip"):
        hepmass.load(folder)
