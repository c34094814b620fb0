"""Download of the data sets from their publishers.

pooch verifies checksums and moves a file into place only when it is complete. :func:`resumed`
continues a transfer that was interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from tfp_maf.data_prep.archives import PIECE, unpack
from tfp_maf.data_prep.files import replaced_when_whole
from tfp_maf.data_prep.sources import SOURCES, Record, Remote

pooch.get_logger().setLevel("WARNING")  # the progress bar already shows what it would log
TIMEOUT = 30  # seconds without data
UNPACKED = ".{}.unpacked"  # name of the file that lists what was extracted from an archive


def download(name: str, folder: str | Path, *, progress: bool = False) -> list[Path]:
    """Download a data set's files, except those that are already there and complete.

    An interrupted transfer leaves ``NAME.part``, from which the next call resumes. Archives are
    unpacked and then deleted. If a file differs from the public copy on record for it, a line on
    standard error says so.

    Args:
        name: Name of the data set, a key of :data:`SOURCES`.
        folder: Folder to download to, created if it does not exist.
        progress: Whether to show a progress bar on standard error.

    Returns:
        Paths of the files.

    Raises:
        ValueError: If the data set is unknown, or a file does not match its published size or
            checksum.
        OSError: If there is no connection, if it breaks, or if the folder cannot be written.
    """
    if name not in SOURCES:
        raise ValueError(f"unknown data set {name!r}; choose from {', '.join(SOURCES)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for remote in SOURCES[name].files:
        obtained = _get(remote, folder, progress=progress)
        for record in remote.records:
            for path in obtained:
                if path.name == record.name:
                    _compare(path, record)
        files += obtained
    return files


def _compare(path: Path, record: Record) -> None:
    """Print a line on standard error if the file's size or checksum is not the recorded one."""
    size = path.stat().st_size
    if size != record.size:
        difference = f"has {size:,} bytes, not {record.size:,}"
    elif (sha256 := pooch.file_hash(str(path), alg="sha256")) != record.sha256:
        difference = f"has SHA-256 {sha256}, not {record.sha256}"
    else:
        return
    message = f"warning: {path} differs from the public copy on record: it {difference}"
    print(message, file=sys.stderr)


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
            f"{remote.url}: {_reason(error)}; run the same command again to resume"
        ) from None
    except ValueError as error:
        (folder / f"{remote.name}.part").unlink(missing_ok=True)
        if "hash" not in str(error).lower():
            raise
        raise ValueError(
            f"{remote.url} is not the file that was published: its checksum is not {remote.hash}; "
            f"the download was deleted, so try again or get the file elsewhere"
        ) from None
    if not remote.is_archive:
        return [path]
    files = unpack(path, folder, members=remote.members, renamed=remote.renamed)
    with replaced_when_whole(folder / UNPACKED.format(remote.name)) as file:
        file.write("\n".join(str(each.relative_to(folder)) for each in files) + "\n")
    path.unlink()
    return files


def _unpacked(folder: Path, remote: Remote) -> list[Path]:
    """Return the files that an earlier call extracted, or none unless all still exist."""
    listing = folder / UNPACKED.format(remote.name)
    if not listing.is_file():
        return []
    files = [folder / line for line in listing.read_text().splitlines()]
    return files if all(path.is_file() for path in files) else []


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server returned {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no data arrived for {TIMEOUT} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return "no connection"


def resumed(remote: Remote, part: Path, *, progress: bool) -> Callable[[str, Any, Any], None]:
    """Return a downloader for pooch that appends to ``part`` and moves it when complete."""

    def downloader(url: str, output_file: Any, _: Any) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                total = int(response.headers.get("Content-Range", "*/0").rpartition("/")[2])
                if have != total:  # longer than the file, so not a part of it
                    part.unlink()
                    return downloader(url, output_file, _)
            else:
                response.raise_for_status()
                if response.status_code != requests.codes.partial_content:
                    have = 0  # the server does not support ranges
                _append(response, part, have, remote, progress=progress)
        os.replace(part, output_file)
        return None

    return downloader


def _append(
    response: requests.Response, part: Path, have: int, remote: Remote, *, progress: bool
) -> None:
    """Write the response to ``part``, after its first ``have`` bytes.

    Raises:
        requests.RequestException: If the connection breaks or ends early.
        ValueError: If the file's size is not the published one.
    """
    length = response.headers.get("Content-Length")
    total = have + int(length) if length is not None else None
    if remote.size is not None and total is not None and total != remote.size:
        raise ValueError(f"{remote.url} has {total} bytes, not the published {remote.size}")
    bar = tqdm(
        desc=remote.name, total=total, initial=have, unit="B", unit_scale=True, disable=not progress
    )
    with bar, part.open("ab" if have else "wb") as file:
        for piece in response.iter_content(PIECE):
            file.write(piece)
            bar.update(len(piece))
    if total is not None and part.stat().st_size != total:
        raise requests.exceptions.ChunkedEncodingError("the transfer ended early")
