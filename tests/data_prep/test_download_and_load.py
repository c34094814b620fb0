"""Each data set in its publisher's format, small, from a server on 127.0.0.1 to its splits."""

import dataclasses
import gzip
import hashlib
import io
import pickle

import h5py
import numpy as np
import pandas as pd
import pytest
import soundfile
from local_server import Server, tar_of, zip_of
from PIL import Image
from rows import idx

from tfp_maf.cli import options
from tfp_maf.data_prep import (
    bsds300,
    download,
    gas,
    hepmass,
    miniboone,
    power,
    simulate,
    sources,
    speech_commands,
)
from tfp_maf.experiments.datasets import LOADERS

RNG = np.random.default_rng(0)


def power_text():
    rows = np.abs(RNG.normal(size=[120, 7])).round(3)
    lines = [
        f"16/12/2006;{m // 60:02}:{m % 60:02}:00;" + ";".join(f"{v:.3f}" for v in row)
        for m, row in enumerate(rows)
    ]
    return "\n".join([power.HEADER, *lines]).encode()


def gas_text(folder):
    return simulate.write_ethylene_co(folder / "simulated.txt", rows=300).read_bytes()


def hepmass_csv(names):
    x = np.hstack([np.ones([60, 1]), RNG.normal(size=[60, len(names) - 1])])
    return pd.DataFrame(x, columns=names).to_csv(index=False).encode()


def neutrino_text():
    x = RNG.normal(size=[60, 50])
    return ("40 20\n" + "\n".join(" ".join(f"{v:.6e}" for v in row) for row in x) + "\n").encode()


def photograph():
    buffer = io.BytesIO()
    image = np.clip(RNG.normal(100, 30, [40, 50, 3]), 0, 255).astype(np.uint8)
    Image.fromarray(image).save(buffer, "JPEG")
    return buffer.getvalue()


def batch():
    images = RNG.integers(0, 256, [10, 3072], dtype=np.uint8)
    return pickle.dumps({"data": images, "labels": RNG.integers(0, 10, 10).tolist()}, protocol=2)


def array(x):
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


def patches():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for part in bsds300.PARTS:
            file[part] = RNG.normal(size=[20, 63]).astype(np.float32)
    return buffer.getvalue()


def recording():
    buffer = io.BytesIO()
    soundfile.write(buffer, RNG.uniform(-0.1, 0.1, 800), 16_000, format="WAV")
    return buffer.getvalue()


def words():
    takes = [f"{word}/{speaker}_nohash_0.wav" for word in ("cat", "happy") for speaker in "abcde"]
    lists = {"testing_list.txt": takes[0].encode(), "validation_list.txt": takes[1].encode()}
    return tar_of(
        {f"./{name}": c for name, c in lists.items()} | {f"./{t}": recording() for t in takes}
    )


def published(name, folder):
    """What the server has, by the names of the files in the table of sources."""
    hepmass_names = ["# label", *hepmass.FEATURES]
    digits = {"train": 60, "t10k": 10}
    batches = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch", "batches.meta"]
    photographs = [f"train/{i}.jpg" for i in range(10)] + ["test/1.jpg", "test/2.jpg"]
    cifar = {each: batch() for each in batches}
    return {
        "power": lambda: {"power.zip": zip_of({power.FILE: power_text()})},
        "gas": lambda: {
            "gas.zip": zip_of({gas.FILE: gas_text(folder), "ethylene_methane.txt": b"-"})
        },
        "hepmass": lambda: {
            "hepmass.zip": zip_of(
                {
                    "1000_train.csv.gz": gzip.compress(hepmass_csv(hepmass_names)),
                    "1000_test.csv.gz": gzip.compress(hepmass_csv([*hepmass_names, "mass"])),
                    "all_train.csv.gz": b"-",
                }
            )
        },
        "miniboone": lambda: {"miniboone.zip": zip_of({miniboone.FILE: neutrino_text()})},
        "bsds300": lambda: {
            "BSDS300-images.tgz": tar_of(
                {f"BSDS300/images/{each}": photograph() for each in photographs}
            )
        },
        "mnist": lambda: {
            f"{part}-{kind}.gz": gzip.compress(idx(values))
            for part, n in digits.items()
            for kind, values in [
                ("images-idx3-ubyte", RNG.integers(0, 256, [n, 28, 28])),
                ("labels-idx1-ubyte", RNG.integers(0, 10, n)),
            ]
        },
        "cifar10": lambda: {
            "cifar-10-python.tar.gz": tar_of(
                {f"cifar-10-batches-py/{each}": content for each, content in cifar.items()}
            )
        },
        "speech_commands_v0.01": lambda: {"speech_commands_v0.01.tar.gz": words()},
        "speech_commands_v0.02": lambda: {"speech_commands_v0.02.tar.gz": words()},
        "fsdd": lambda: {
            "fsdd.tar.gz": tar_of(
                {
                    f"free-spoken-digit-dataset-1.0.9/recordings/{digit}_theo_{i}.wav": recording()
                    for digit in (0, 7)
                    for i in range(3)
                }
            )
        },
        "prepared": lambda: {
            "data.tar.gz": tar_of(
                {
                    "data/power/data.npy": array(RNG.normal(size=[50, 8])),
                    "data/miniboone/data.npy": array(RNG.normal(size=[50, 43])),
                    "data/hepmass/1000_train.csv": hepmass_csv(hepmass_names),
                    "data/hepmass/1000_test.csv": hepmass_csv([*hepmass_names, "mass"]),
                    "data/BSDS300/BSDS300.hdf5": patches(),
                    **{f"data/cifar10/{each}": content for each, content in cifar.items()},
                }
            )
        },
    }[name]()


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
    """Has the server serve a set in place of its publisher."""

    def publish(name):
        contents = published(name, tmp_path)
        source = sources.SOURCES[name]
        assert {remote.name for remote in source.files} == set(contents)
        Server.files = {f"/{each}": content for each, content in contents.items()}
        files = tuple(
            dataclasses.replace(
                remote,
                url=f"{server}/{remote.name}",
                hash=f"sha256:{hashlib.sha256(contents[remote.name]).hexdigest()}",
                size=len(contents[remote.name]),
            )
            for remote in source.files
        )
        monkeypatch.setitem(sources.SOURCES, name, dataclasses.replace(source, files=files))

    return publish


@pytest.mark.parametrize("name", options.DATASETS)
def test_from_the_publisher(publish, name, tmp_path, monkeypatch):
    monkeypatch.setattr(bsds300, "ROWS", {"train": 200, "validation": 20, "test": 50})
    publish(name)
    Server.cut = [100]  # the first answer breaks off
    with pytest.raises(OSError, match="run the same command again to resume"):
        download.download(name, tmp_path / "d")
    download.download(name, tmp_path / "d")
    splits = (LOADERS | {"gas": gas.load})[name](tmp_path / "d")
    for part in (splits.train, splits.validation, splits.test):
        assert part.dtype == np.float32
        assert len(part) > 0
        assert np.isfinite(part).all()


@pytest.mark.parametrize("name", options.RECORDINGS)
def test_recordings_from_the_publisher(publish, name, tmp_path):
    publish(name)
    Server.cut = [100]
    with pytest.raises(OSError, match="run the same command again to resume"):
        download.download(name, tmp_path / "d")
    download.download(name, tmp_path / "d")
    clips = speech_commands.load(tmp_path / "d")
    if name == "fsdd":
        assert set(clips.words) == {"0", "7"}
        assert set(clips.speakers) == {"theo"}
    else:
        assert len(clips) == 10
        assert list(clips.official[:3]) == ["test", "validation", "train"]


def test_as_the_authors_prepared_them(publish, tmp_path):
    publish("prepared")
    download.download("prepared", tmp_path)
    for name in ("power", "miniboone", "hepmass", "bsds300", "cifar10"):
        splits = LOADERS[name](tmp_path / name)
        assert len(splits.test) > 0
