"""Getting the data sets from their publishers.

pooch keeps the checksums and puts a file in its place only when it is whole; ``resumed`` goes on
where a broken transfer stopped.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from data_prep.files import replaced_when_whole

pooch.get_logger().setLevel("WARNING")  # it would print what the progress bar shows
TIMEOUT = 30  # seconds without a byte
PIECE = 2**16
UNPACKED = ".{}.unpacked"  # lists what came out of an archive
UCI = "https://archive.ics.uci.edu/static/public"


@dataclass(frozen=True)
class Remote:
    """A file at its publisher's.

    Attributes:
        url: where it is.
        name: what it is called here.
        hash: ``"sha256:..."`` or ``"md5:..."``; None where nobody publishes one.
        size: bytes; None where not known.
        members: of an archive, what to take out of it: last parts of paths; empty for all.
        renamed: beginnings of paths in an archive taken whole, and what they become.
    """

    url: str
    name: str
    hash: str | None = None
    size: int | None = None
    members: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def is_archive(self) -> bool:
        """Whether it is to be unpacked."""
        return self.name.endswith((".zip", ".tar.gz", ".tgz"))


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        files: all that it takes.
        licence: and who to name.
    """

    files: tuple[Remote, ...]
    licence: str


def _mnist(name: str, sha256: str, size: int) -> Remote:
    url = f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}"
    return Remote(url, name, f"sha256:{sha256}", size)


def _speech_commands(version: str, sha256: str) -> Source:
    name = f"speech_commands_{version}.tar.gz"
    url = f"https://storage.googleapis.com/download.tensorflow.org/data/{name}"
    licence = "CC BY 4.0, P. Warden 2018, Speech Commands (arXiv 1804.03209)"
    return Source((Remote(url, name, f"sha256:{sha256}"),), licence)


SOURCES = {
    "power": Source(
        (
            Remote(
                f"{UCI}/235/individual+household+electric+power+consumption.zip",
                "power.zip",
                members=("household_power_consumption.txt",),
            ),
        ),
        "CC BY 4.0, G. Hebrail and A. Berard, UCI data set 235",
    ),
    "gas": Source(
        (
            Remote(
                f"{UCI}/322/gas+sensor+array+under+dynamic+gas+mixtures.zip",
                "gas.zip",
                members=("ethylene_CO.txt",),
            ),
        ),
        "CC BY 4.0, J. Fonollosa, UCI data set 322",
    ),
    "hepmass": Source(
        (
            Remote(
                f"{UCI}/347/hepmass.zip",
                "hepmass.zip",
                members=("1000_train.csv.gz", "1000_test.csv.gz"),
            ),
        ),
        "CC BY 4.0, D. Whiteson, UCI data set 347",
    ),
    "miniboone": Source(
        (
            Remote(
                f"{UCI}/199/miniboone+particle+identification.zip",
                "miniboone.zip",
                members=("MiniBooNE_PID.txt",),
            ),
        ),
        "CC BY 4.0, B. Roe, UCI data set 199",
    ),
    "bsds300": Source(
        (
            Remote(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/BSDS300-images.tgz",
                "BSDS300-images.tgz",
            ),
        ),
        "for research and teaching, not for sale; D. Martin, C. Fowlkes, D. Tal and J. Malik 2001",
    ),
    "mnist": Source(
        (
            _mnist(
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            _mnist(
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
            ),
            _mnist(
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
            _mnist(
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
            ),
        ),
        "CC BY-SA 3.0, Y. LeCun, C. Cortes and C. Burges",
    ),
    "cifar10": Source(
        (
            Remote(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "cifar-10-python.tar.gz",
                "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            ),
        ),
        "no licence stated; A. Krizhevsky, Learning multiple layers of features, 2009",
    ),
    "speech_commands_v0.01": _speech_commands(
        "v0.01", "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"
    ),
    "speech_commands_v0.02": _speech_commands(
        "v0.02", "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
    ),
    "fsdd": Source(
        (
            Remote(
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
                "fsdd.tar.gz",
                renamed=(("free-spoken-digit-dataset-1.0.9/", ""),),
            ),
        ),
        "CC BY-SA 4.0, Z. Jackson and others, Free Spoken Digit Dataset",
    ),
    # All seven, as the paper's authors prepared them; in folders of the sets' names.
    "prepared": Source(
        (
            Remote(
                "https://zenodo.org/records/1161203/files/data.tar.gz",
                "data.tar.gz",
                "md5:9b9c9b0375315ad270eba4ce80c093ab",
                renamed=(("data/BSDS300/", "bsds300/"), ("data/", "")),
            ),
        ),
        "CC BY 4.0, G. Papamakarios 2018, Zenodo record 1161203",
    ),
}


def download(name: str, folder: str | Path, *, progress: bool = False) -> list[Path]:
    """Gets a data set's files; those already there, and whole, are left as they are.

    A broken transfer leaves ``NAME.part``, and the next call goes on from there. Archives are
    unpacked and removed.

    Args:
        name: of :data:`SOURCES`.
        folder: where to; made if it is not there.
        progress: whether a bar is shown, on standard error.

    Returns:
        The files.

    Raises:
        ValueError: no such set, or a file that is not what its publisher's checksum says.
        OSError: no connection, it broke, or the folder can't be written.
    """
    if name not in SOURCES:
        raise ValueError(f"no data set {name!r}; there are {', '.join(SOURCES)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for remote in SOURCES[name].files:
        files += _get(remote, folder, progress=progress)
    return files


def _get(remote: Remote, folder: Path, *, progress: bool) -> list[Path]:
    unpacked = _unpacked(folder, remote)
    if unpacked:
        return unpacked
    try:
        path = Path(
            pooch.retrieve(
                remote.url,
                remote.hash,
                fname=remote.name,
                path=folder,
                downloader=resumed(remote, folder / f"{remote.name}.part", progress=progress),
            )
        )
    except requests.RequestException as error:
        raise OSError(
            f"{remote.url}: {_reason(error)}; the same command goes on from what has come"
        ) from None
    except ValueError as error:
        (folder / f"{remote.name}.part").unlink(missing_ok=True)
        if "hash" not in str(error).lower():
            raise
        raise ValueError(
            f"{remote.url} is not the file that was published: its {remote.hash} differs; "
            f"removed, try again or get it elsewhere"
        ) from None
    if not remote.is_archive:
        return [path]
    files = unpack(path, folder, members=remote.members, renamed=remote.renamed)
    with replaced_when_whole(folder / UNPACKED.format(remote.name)) as file:
        file.write("\n".join(str(each.relative_to(folder)) for each in files) + "\n")
    path.unlink()
    return files


def _unpacked(folder: Path, remote: Remote) -> list[Path]:
    """What an earlier call took out of the archive, if all of it is still there."""
    listing = folder / UNPACKED.format(remote.name)
    if not listing.is_file():
        return []
    files = [folder / line for line in listing.read_text().splitlines()]
    return files if all(path.is_file() for path in files) else []


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server says {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"nothing came for {TIMEOUT} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return "no connection"


def resumed(remote: Remote, part: Path, *, progress: bool) -> Callable[[str, Any, Any], None]:
    """A downloader for pooch that appends to ``part``, and hands it over when it is whole."""

    def downloader(url: str, output_file: Any, _: Any) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                total = int(response.headers.get("Content-Range", "*/0").rpartition("/")[2])
                if have != total:  # longer than the file: not a part of it
                    part.unlink()
                    return downloader(url, output_file, _)
            else:
                response.raise_for_status()
                if response.status_code != requests.codes.partial_content:
                    have = 0  # the server knows no ranges
                _append(response, part, have, remote, progress=progress)
        os.replace(part, output_file)
        return None

    return downloader


def _append(
    response: requests.Response, part: Path, have: int, remote: Remote, *, progress: bool
) -> None:
    """Writes what comes after the first ``have`` bytes.

    Raises:
        requests.RequestException: the connection broke, or ended early.
        ValueError: another size than the published one.
    """
    length = response.headers.get("Content-Length")
    total = have + int(length) if length is not None else None
    if remote.size is not None and total is not None and total != remote.size:
        raise ValueError(
            f"{remote.url} has {total} bytes, not the {remote.size} that were published"
        )
    bar = tqdm(
        desc=remote.name, total=total, initial=have, unit="B", unit_scale=True, disable=not progress
    )
    with bar, part.open("ab" if have else "wb") as file:
        for piece in response.iter_content(PIECE):
            file.write(piece)
            bar.update(len(piece))
    if total is not None and part.stat().st_size != total:
        raise requests.exceptions.ChunkedEncodingError("it ended early")


def unpack(
    archive: Path,
    folder: Path,
    *,
    members: tuple[str, ...] = (),
    renamed: tuple[tuple[str, str], ...] = (),
) -> list[Path]:
    """Takes files out of a zip or tar archive, never to a place outside of ``folder``.

    Args:
        archive: ``.zip``, ``.tar.gz`` or ``.tgz``.
        folder: where to.
        members: names of files wanted, wherever they are in the archive, put into ``folder``
            itself; by default all, at their places.
        renamed: see :class:`Remote`; the first that fits.

    Raises:
        ValueError: damaged, or a member is missing or would leave the folder.
    """

    def targets(names: list[str]) -> list[tuple[str, Path]]:
        return _targets(names, folder, members, archive, renamed)

    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as zipped:
                names = [name for name in zipped.namelist() if not name.endswith("/")]
                return [_write_member(zipped.open(n), target) for n, target in targets(names)]
        with gzip.open(archive) as stream:  # to its end, where the checksum is
            while stream.read(PIECE):
                pass
        with tarfile.open(archive) as tarred:
            names = [member.name for member in tarred.getmembers() if member.isfile()]
            return [_write_member(tarred.extractfile(n), target) for n, target in targets(names)]
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{archive} is damaged: {error}; remove it and try again") from None


def _targets(
    names: list[str],
    folder: Path,
    members: tuple[str, ...],
    archive: Path,
    renamed: tuple[tuple[str, str], ...],
) -> list[tuple[str, Path]]:
    """Which names of the archive go where."""
    if members:
        by_last = {name.rpartition("/")[2]: name for name in names}
        missing = [member for member in members if member not in by_last]
        if missing:
            raise ValueError(f"{archive} has no {missing[0]}")
        return [(by_last[member], folder / member) for member in members]
    targets = []
    for name in names:
        place = name.removeprefix("./")
        old, new = next((pair for pair in renamed if place.startswith(pair[0])), ("", ""))
        targets.append((name, folder / (new + place.removeprefix(old))))
    for name, target in targets:
        if not target.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{archive} is not to be trusted: {name!r} leaves the folder")
    return targets


def _write_member(stream: Any, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    try:
        with stream, temporary.open("wb") as file:
            shutil.copyfileobj(stream, file)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target
