"""Files out of zip and tar archives, never to a place outside of a folder."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

PIECE = 2**16
# No data set shrinks a hundredfold; what does is made to fill the disk. Small ones may.
MOST_TIMES, ALWAYS_FINE = 100, 2**27


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
        ValueError: damaged, a member is missing or would leave the folder, or it holds more than
            a hundred times its own size.
    """
    most = max(ALWAYS_FINE, MOST_TIMES * archive.stat().st_size)

    def allowed(size: int) -> None:
        if size > most:
            raise Untrusted(
                f"{archive} is not to be trusted: it unpacks to more than {most:,} bytes"
            )

    def targets(names: list[str]) -> list[tuple[str, Path]]:
        return _targets(names, folder, members, archive, renamed)

    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as zipped:
                allowed(sum(member.file_size for member in zipped.infolist()))
                names = [name for name in zipped.namelist() if not name.endswith("/")]
                return [_write_member(zipped.open(n), target) for n, target in targets(names)]
        with gzip.open(archive) as stream:  # to its end, where the checksum is
            while stream.read(PIECE):
                allowed(stream.tell())
        with tarfile.open(archive) as tarred:
            names = [member.name for member in tarred.getmembers() if member.isfile()]
            return [_write_member(tarred.extractfile(n), target) for n, target in targets(names)]
    except Untrusted:
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # the disk's fault, not the archive's
            raise
        raise _damaged(archive, error) from None
    except Exception as error:  # what a damaged archive makes Python's modules raise is many
        raise _damaged(archive, error) from None


class Untrusted(ValueError):
    """Made to do harm, or without what is wanted."""


def _damaged(archive: Path, error: Exception) -> ValueError:
    return ValueError(f"{archive} is damaged: {error}; remove it and try again")


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
            raise Untrusted(f"{archive} has no {missing[0]}")
        return [(by_last[member], folder / member) for member in members]
    targets = []
    for name in names:
        place = name.removeprefix("./")
        old, new = next((pair for pair in renamed if place.startswith(pair[0])), ("", ""))
        targets.append((name, folder / (new + place.removeprefix(old))))
    for name, target in targets:
        if not target.resolve().is_relative_to(folder.resolve()):
            raise Untrusted(f"{archive} is not to be trusted: {name!r} leaves the folder")
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
