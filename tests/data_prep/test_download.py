"""Against a server on 127.0.0.1 that can cut off, corrupt and stall."""

import dataclasses
import hashlib
import random

import pytest
from local_server import CONTENT, Server, tar_of, zip_of

from tfp_maf.data_prep import download
from tfp_maf.data_prep.sources import SOURCES, Record, Remote, Source


@pytest.fixture
def source(server, monkeypatch):
    """Puts one file into the table of sources, as the server has it."""

    def source(name, content=CONTENT, *, served=None, **options):
        Server.files[f"/{name}"] = content if served is None else served
        options = {"hash": f"sha256:{hashlib.sha256(content).hexdigest()}"} | options
        remote = Remote(f"{server}/{name}", name, **options)
        monkeypatch.setitem(SOURCES, "mine", Source((remote,), "a licence"))

    return source


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_whole(source, tmp_path):
    source("x.bin", size=len(CONTENT))
    (path,) = download.download("mine", tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert files_in(path.parent) == ["x.bin"]


def test_once(source, tmp_path):
    source("x.bin")
    download.download("mine", tmp_path)
    download.download("mine", tmp_path)
    assert len(Server.asked) == 1


def test_a_broken_transfer_goes_on(source, tmp_path):
    source("x.bin")
    Server.cut = [131_072, 65_536]
    for have in (131_072, 196_608):
        with pytest.raises(OSError, match="connection broke; run the same command again to resume"):
            download.download("mine", tmp_path)
        assert files_in(tmp_path) == ["x.bin.part"]
        assert (tmp_path / "x.bin.part").stat().st_size == have
    (path,) = download.download("mine", tmp_path)
    assert path.read_bytes() == CONTENT
    assert Server.asked == [None, "bytes=131072-", "bytes=196608-"]
    assert files_in(tmp_path) == ["x.bin"]


def test_a_server_without_ranges(source, tmp_path):
    source("x.bin")
    Server.ranges, Server.cut = False, [100_000]
    with pytest.raises(OSError, match="connection broke"):
        download.download("mine", tmp_path)
    (path,) = download.download("mine", tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_whole_or_too_long(source, tmp_path, extra):
    source("x.bin")
    (tmp_path / "x.bin.part").write_bytes(CONTENT + extra)
    (path,) = download.download("mine", tmp_path)
    assert path.read_bytes() == CONTENT


def test_corrupt(source, tmp_path):
    source("x.bin", served=CONTENT[:-1] + b"?")
    with pytest.raises(ValueError, match="not the file that was published"):
        download.download("mine", tmp_path)
    assert files_in(tmp_path) == []


def test_a_corrupt_part_is_not_kept_for_ever(source, tmp_path):
    source("x.bin")
    (tmp_path / "x.bin.part").write_bytes(b"!" * 1000)
    with pytest.raises(ValueError, match="not the file that was published"):
        download.download("mine", tmp_path)
    (path,) = download.download("mine", tmp_path)
    assert path.read_bytes() == CONTENT


def test_another_size(source, tmp_path):
    source("x.bin", size=len(CONTENT) + 1)
    with pytest.raises(ValueError, match="512000 bytes, not the published 512001"):
        download.download("mine", tmp_path)
    assert files_in(tmp_path) == []


def test_slow(source, tmp_path, monkeypatch):
    source("x.bin")
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    Server.stall = 0.6
    with pytest.raises(OSError, match=r"no data arrived for 0\.2 seconds|no connection"):
        download.download("mine", tmp_path)
    assert "x.bin" not in files_in(tmp_path)


def test_not_there(source, tmp_path):
    source("x.bin")
    Server.files = {}
    with pytest.raises(OSError, match=r"x\.bin: the server returned 404"):
        download.download("mine", tmp_path)


def test_nobody_answers(source, tmp_path, monkeypatch):
    remote = Remote("http://127.0.0.1:9/x.bin", "x.bin")
    monkeypatch.setitem(SOURCES, "mine", Source((remote,), "-"))
    with pytest.raises(OSError, match="no connection"):
        download.download("mine", tmp_path)


def test_unknown_set(tmp_path):
    with pytest.raises(ValueError, match="unknown data set 'iris'; choose from power, gas"):
        download.download("iris", tmp_path)


def test_an_archives_members(source, tmp_path):
    source("x.zip", zip_of({"deep/wanted": b"yes", "other": b"no"}), members=("wanted",))
    (path,) = download.download("mine", tmp_path)
    assert path.read_bytes() == b"yes"
    assert files_in(tmp_path) == [".x.zip.unpacked", "wanted"]
    download.download("mine", tmp_path)
    assert len(Server.asked) == 1


def test_a_whole_archive(source, tmp_path):
    content = tar_of({"data/power/data.npy": b"1", "./data/gas/x.pickle": b"2"})
    source("x.tar.gz", content, renamed=(("data/", ""),))
    paths = download.download("mine", tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in paths] == ["power/data.npy", "gas/x.pickle"]
    assert files_in(tmp_path) == [".x.tar.gz.unpacked", "gas", "power"]


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "data/../../out"])
def test_an_archive_that_leaves_its_folder(source, tmp_path, name):
    source("x.tar.gz", tar_of({name: b"bad"}))
    with pytest.raises(ValueError, match="would be written outside the folder"):
        download.download("mine", tmp_path / "in")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_a_damaged_archive(source, tmp_path, name):
    whole = zip_of({"a": b"1" * 1000}) if name == "x.zip" else tar_of({"a": b"1" * 1000})
    source(name, whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        download.download("mine", tmp_path)


def test_an_archive_without_what_is_wanted(source, tmp_path):
    source("x.zip", zip_of({"other": b"no"}), members=("wanted",))
    with pytest.raises(ValueError, match="has no wanted"):
        download.download("mine", tmp_path)


def test_the_table_is_complete():
    from tfp_maf.cli.options import DATASETS, RECORDINGS

    assert set(SOURCES) == {*DATASETS, *RECORDINGS, "prepared"}
    for source in SOURCES.values():
        assert source.licence
        assert all(remote.url.startswith("https://") for remote in source.files)


def test_an_archive_damaged_inside(source, tmp_path):
    """A flipped byte in the middle: only the checksum at the end tells."""
    content = bytes(random.Random(0).randbytes(20_000))
    whole = bytearray(tar_of({"a": content[:10_000], "b": content[10_000:]}))
    whole[len(whole) * 3 // 4] ^= 1
    source("x.tar.gz", bytes(whole))
    with pytest.raises(ValueError, match="is damaged"):
        download.download("mine", tmp_path)
    assert "b" not in files_in(tmp_path)


def test_an_unpacked_archive_is_not_got_again(source, tmp_path):
    source("x.tar.gz", tar_of({"a": b"1", "b": b"2"}))
    first = download.download("mine", tmp_path)
    assert download.download("mine", tmp_path) == first
    assert len(Server.asked) == 1
    (tmp_path / "a").unlink()
    assert download.download("mine", tmp_path) == first
    assert len(Server.asked) == 2


def test_the_record_of_gas():
    (remote,) = SOURCES["gas"].files
    (record,) = remote.records
    assert record.name in remote.members
    assert record.size == 642_945_087
    assert record.sha256 == "eb979ebf40f22bb7206b4fdd335fad6da51ad0289d2a37fdb1fff2f6e425487e"
    others = [r for name in SOURCES if name != "gas" for r in SOURCES[name].files]
    assert not any(remote.records for remote in others)


@pytest.fixture
def zipped(source):
    """Has the server serve a zip of CONTENT, and the source record this size and checksum."""

    def zipped(size, sha256):
        content = zip_of({"deep/x.txt": CONTENT, "other.txt": b"no"})
        source(
            "x.zip",
            content,
            members=("x.txt",),
            records=(Record("x.txt", size, sha256),),
            hash=None,
        )

    return zipped


SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_that_is_as_recorded(zipped, tmp_path, capsys):
    zipped(len(CONTENT), SHA256)
    download.download("mine", tmp_path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("size", "sha256", "difference"),
    [
        (642_945_087, SHA256, "it has 512,000 bytes, not 642,945,087"),
        (len(CONTENT), "0" * 64, f"it has SHA-256 {SHA256}, not {'0' * 64}"),
    ],
)
def test_a_file_that_is_not_as_recorded(zipped, tmp_path, capsys, size, sha256, difference):
    zipped(size, sha256)
    for _ in range(2):  # also when it is already there
        (path,) = download.download("mine", tmp_path)
        assert path.read_bytes() == CONTENT
        out, err = capsys.readouterr()
        assert out == ""
        assert err == (f"warning: {path} differs from the public copy on record: {difference}\n")
    assert len(Server.asked) == 1


def test_gas_of_another_size(server, tmp_path, monkeypatch, capsys):
    Server.files["/gas.zip"] = zip_of({"ethylene_CO.txt": CONTENT, "ethylene_methane.txt": b"no"})
    (remote,) = SOURCES["gas"].files
    remote = dataclasses.replace(remote, url=f"{server}/gas.zip")
    monkeypatch.setitem(SOURCES, "gas", Source((remote,), "a licence"))
    (path,) = download.download("gas", tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert line.endswith("it has 512,000 bytes, not 642,945,087")
