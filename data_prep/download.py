"""Getting the data sets from their publishers.

pooch keeps the checksums and puts a file in its place only when it is whole; ``resumed`` goes on
where a broken transfer stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from data_prep.archives import PIECE, unpack
from data_prep.files import replaced_when_whole
from data_prep.sources import SOURCES, Remote

pooch.get_logger().setLevel("WARNING")  # it would print what the progress bar shows
TIMEOUT = 30  # seconds without a byte
UNPACKED = ".{}.unpacked"  # lists what came out of an archive


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
