"""Files as an attacker or an accident would send them, for every reader.

A reader may give numbers, all finite, or raise ValueError or OSError with one line that names
the file. Anything else is a bug: :func:`outcome` lets it through.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from hypothesis import strategies as st

import tfp_maf
from tfp_maf.data_prep import archives, audio, gas, mnist, pickles, power, simulate, table
from tfp_maf.data_prep.splits import Splits
from tfp_maf.experiments.run import Run
from tfp_maf.training import checkpoints

TOKENS = [
    b"nan", b"inf", b"-1e999", b"1e-400", b'"', b"'", b"\0", b"\xef\xbb\xbf", b"\r\n", b"\n\n",
    b",", b"\t", b";", b"?", b"\xff\xfe", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"../", b"{",
    b"null", b"True", b"1_000", "\N{ARABIC-INDIC DIGIT ONE}".encode(), b"0x1p3", b"9" * 400,
]  # fmt: skip
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=[60, 3])


@dataclass(frozen=True)
class Reader:
    """What is read.

    Attributes:
        name: of the file.
        valid: files that are as they should be.
        read: a path to numbers.
    """

    name: str
    valid: tuple[bytes, ...]
    read: Callable[[Path], Any]


@st.composite
def files(draw: Any, reader: Reader) -> bytes:
    """A valid file with a few things done to it, or bytes of any kind."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    content = bytearray(draw(st.sampled_from(reader.valid)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 2, 4, 8, 40, 4_000]))
        content[at : at + length] = draw(
            st.one_of(st.just(b""), st.binary(max_size=8), st.sampled_from(TOKENS))
        )
        if draw(st.integers(0, 5)) == 0:
            content += content[at : at + 200]
    return bytes(content)


def outcome(reader: Reader, content: bytes) -> str:
    """``"read"``, or ``"refused"``.

    Raises:
        AssertionError: numbers that are not finite, or a message that is no good.
        Exception: another one is a bug.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inner" / reader.name
        path.parent.mkdir()
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)  # NumPy's, on the way to a NaN
                found = reader.read(path)
        except (ValueError, OSError) as error:
            said = str(error)
            assert path.name in said or str(path.parent) in said, said
            assert len(said) < 1000, said
            return "refused"
        for array in found:
            assert np.isfinite(np.asarray(array, np.float64)).all()
        outside = {p.name for p in Path(folder).iterdir()} - {"inner"}
        assert not outside, f"written outside of the folder: {outside}"
        return "read"


def _bytes_of(write: Callable[[Path], Any], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _parts(load: Callable[[Path], Splits]) -> Callable[[Path], list[np.ndarray]]:
    """The rows that a data set's ``load`` gives."""

    def read(path: Path) -> list[np.ndarray]:
        splits = load(path)
        return [splits.train, splits.validation, splits.test]

    return read


def _power_lines() -> bytes:
    lines = [power.HEADER]
    for minute in range(60):
        values = ";".join(f"{v:.3f}" for v in np.abs(RNG.normal(size=7)))
        lines.append(f"16/12/2006;17:{minute:02}:00;{values}")
    return "\n".join(lines).encode()


def _sound(rate: int, channels: int, subtype: str, format: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, RNG.uniform(-1, 1, [400, channels]), rate, subtype, format=format)
    return file.getvalue()


def _idx() -> bytes:
    return bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(24))


def _pickle(path: Path) -> list[np.ndarray]:
    with path.open("rb") as file:
        pickles.load(file, path)
    return []


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/rows.csv", "1,2\n" * 50)
        archive.writestr("b.txt", "b")
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("a/rows.csv", "b.txt"):
            member = tarfile.TarInfo(name)
            member.size = 200
            archive.addfile(member, io.BytesIO(b"1,2\n" * 50))
    return file.getvalue()


def _unpack(path: Path) -> list[np.ndarray]:
    archives.unpack(path, path.parent / "to")
    return []


def _config(path: Path) -> list[np.ndarray]:
    run = Run.open(path.parent)
    return [run.scaler.mean, run.scaler.scale]


def _valid_config() -> bytes:
    values = {
        "experiment": "table",
        "data": {"source": "x.csv", "simulated": False, "rows": {"test": 6}},
        "drop": [],
        "left_out": [],
        "seed": 0,
        "model": {},
        "scaler": table.load(_written(_csv(), "x.csv")).scaler.to_json(),
    }
    return json.dumps(values, indent=1).encode()


def _written(content: bytes, name: str) -> Path:
    path = Path(tempfile.mkdtemp()) / name
    path.write_bytes(content)
    return path


def _csv() -> bytes:
    return pd.DataFrame(ROWS, columns=["a", "b", "c"]).to_csv(index=False).encode()


def _arff() -> bytes:
    names = "".join(f"@attribute {name} numeric\n" for name in "abc")
    return f"@relation rows\n{names}@data\n".encode() + _csv().split(b"\n", 1)[1]


def _model() -> bytes:
    """``flow.json`` of a saved flow."""
    folder = Path(tempfile.mkdtemp())
    tfp_maf.build_maf(2, num_layers=1, hidden_units=(4,)).save(folder)
    return (folder / "model" / "flow.json").read_bytes()


def _flow(path: Path) -> list[np.ndarray]:
    model = path.parent / "model"
    model.mkdir()
    path.rename(model / "flow.json")
    tfp_maf.load_flow(path.parent)
    return []


def _checkpoint(path: Path) -> list[np.ndarray]:
    arrays, _ = checkpoints.read(path, ("weights",))
    return [a for a in arrays["weights"] if np.isfinite(a).all()]


FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c"])
CHECKPOINT = {"weights": [np.ones([2, 2], np.float32), np.zeros(3)]}
READERS = {
    "CSV": Reader(
        "rows.csv",
        (_csv(), _csv().replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + _csv()),
        _parts(table.load),
    ),
    "semicolons": Reader(
        "rows.txt", (_csv().replace(b",", b";").replace(b".", b","),), _parts(table.load)
    ),
    "white space": Reader("rows", (_csv().replace(b",", b"  "),), _parts(table.load)),
    "UTF-16": Reader("rows.csv", (_csv().decode().encode("utf-16"),), _parts(table.load)),
    "JSON": Reader(
        "rows.json",
        (FRAME.to_json().encode(), FRAME.to_json(orient="records", lines=True).encode()),
        _parts(table.load),
    ),
    "Feather": Reader(
        "rows.feather", (_bytes_of(FRAME.to_feather, "x.feather"),), _parts(table.load)
    ),
    "gzip": Reader("rows.csv.gz", (gzip.compress(_csv(), mtime=0),), _parts(table.load)),
    "npz": Reader(
        "rows.npz", (_bytes_of(lambda path: np.savez(path, x=ROWS), "x.npz"),), _parts(table.load)
    ),
    "Stata": Reader(
        "rows.dta",
        (_bytes_of(lambda path: FRAME.to_stata(path, write_index=False), "x.dta"),),
        _parts(table.load),
    ),
    "ARFF": Reader("rows.arff", (_arff(),), _parts(table.load)),
    "TSV": Reader("rows.tsv", (_csv().replace(b",", b"\t"),), _parts(table.load)),
    "Parquet": Reader(
        "rows.parquet", (_bytes_of(FRAME.to_parquet, "x.parquet"),), _parts(table.load)
    ),
    "npy": Reader(
        "rows.npy",
        (_npy(ROWS), _npy(ROWS.astype(">f4")), _npy(np.array([{}] * 60))),
        _parts(table.load),
    ),
    "GAS": Reader(
        gas.FILE,
        (_bytes_of(lambda path: simulate.write_ethylene_co(path, rows=80), gas.FILE),),
        _parts(gas.load),
    ),
    "POWER": Reader(power.FILE, (_power_lines(),), _parts(power.load)),
    "WAV": Reader(
        "clip.wav",
        (_sound(16_000, 1, "PCM_16"), _sound(8_000, 2, "FLOAT"), _sound(44_100, 1, "PCM_24")),
        lambda path: [audio.read_audio(path, path)],
    ),
    "compressed sound": Reader(
        "clip.sound",
        (
            _sound(16_000, 1, "PCM_16", "FLAC"),
            _sound(16_000, 1, "VORBIS", "OGG"),
            _sound(16_000, 1, "MPEG_LAYER_III", "MP3"),
            _sound(8_000, 2, "PCM_16", "AIFF"),
        ),
        lambda path: [audio.read_audio(path, path)],
    ),
    "IDX": Reader("images-idx3-ubyte", (_idx(),), lambda p: [mnist.read_idx(p, dimensions=3)]),
    "pickle": Reader("data.pkl", tuple(pickle.dumps(ROWS, n) for n in (0, 2)), _pickle),
    "zip": Reader("data.zip", (_zip(),), _unpack),
    "tar.gz": Reader("data.tar.gz", (_tar(),), _unpack),
    "run's config.json": Reader("config.json", (_valid_config(),), _config),
    "flow.json": Reader("flow.json", (_model(),), _flow),
    "checkpoint": Reader(
        "maf.npz",
        (_bytes_of(lambda path: checkpoints.write(path, CHECKPOINT, {"step": 1}), "t.npz"),),
        _checkpoint,
    ),
}
