"""Damaged and hostile files end in numbers or in one clear error: see fuzzing.py.

``python tests/benchmarks/fuzz.py`` tries many more.
"""

import io
import pickle
import tarfile
import zipfile
from functools import partial

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
pytest.importorskip("soundfile", reason="soundfile is not installed")

import fuzzing
from tallies import tally

from tfp_maf.data_prep import archives, pickles, table


@pytest.mark.parametrize("name", fuzzing.READERS)
def test_a_damaged_file_is_read_or_refused(name):
    reader = fuzzing.READERS[name]
    tally(fuzzing.files(reader), partial(fuzzing.outcome, reader), examples=40)
    assert all(fuzzing.outcome(reader, content) in ("read", "refused") for content in reader.valid)
    assert name in ("flow.json",) or fuzzing.outcome(reader, reader.valid[0]) == "read"


class Touch:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_in_a_file_is_executed(tmp_path):
    import numpy as np

    trap = tmp_path / "touched"
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Touch(trap)))
    with (tmp_path / "x.pkl").open("rb") as file, pytest.raises(ValueError, match="asks for"):
        pickles.load(file, tmp_path / "x.pkl")
    np.save(tmp_path / "x.npy", np.array([Touch(trap)] * 30), allow_pickle=True)
    with pytest.raises(ValueError, match="is not a valid .npy file"):
        table.load(tmp_path / "x.npy")
    assert not trap.exists()


def links(path):
    """A tar archive with links, a device and a pipe among its members."""
    with tarfile.open(path, "w:gz") as archive:
        kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
        for number, kind in enumerate(kinds):
            member = tarfile.TarInfo(f"link{number}")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("link0/through.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))


def test_links_and_devices_are_not_unpacked(tmp_path):
    links(tmp_path / "x.tar.gz")
    archives.unpack(tmp_path / "x.tar.gz", tmp_path / "to")
    assert [p.name for p in sorted((tmp_path / "to").rglob("*"))] == ["link0", "through.txt"]
    assert (tmp_path / "to" / "link0").is_dir()


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tar.gz"])
def test_a_bomb_is_refused_before_it_fills_the_disk(name, tmp_path):
    size = archives.ALWAYS_FINE + 1
    zeros = tmp_path / "zeros"
    with zeros.open("wb") as file:
        file.truncate(size)
    if name.endswith("zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
            bomb.write(zeros)
    else:
        with tarfile.open(tmp_path / name, "w:gz", compresslevel=1) as bomb:
            bomb.add(zeros, "zeros")
    assert (tmp_path / name).stat().st_size * archives.MOST_TIMES < size
    with pytest.raises(ValueError, match="is not to be trusted: it unpacks to more than"):
        archives.unpack(tmp_path / name, tmp_path / "to")
    assert not (tmp_path / "to").exists()
