"""Safe extraction of zip and tar archives, with nothing written outside the target folder."""

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
# No data set compresses a hundredfold, so an archive that does is refused as a decompression
# bomb, unless its contents are small.
MOST_TIMES, ALWAYS_FINE = 100, 2**27


def unpack(
    archive: Path,
    folder: Path,
    *,
    members: tuple[str, ...] = (),
    renamed: tuple[tuple[str, str], ...] = (),
) -> list[Path]:
    """Extract files from a zip or tar archive, never to a path outside ``folder``.

    Args:
        archive: Path of a ``.zip``, ``.tar.gz`` or ``.tgz`` file.
        folder: Folder to extract to.
        members: Names of the files to extract, wherever they are in the archive; they are written
            directly into ``folder``. By default, all files are extracted with their paths.
        renamed: Path prefixes and their replacements, as in
            :class:`tfp_maf.data_prep.sources.Remote`; the first prefix that matches is replaced.

    Returns:
        Paths of the extracted files.

    Raises:
        ValueError: If the archive is damaged, if a member is missing or would be written outside
            ``folder``, or if the contents exceed both 128 MiB and a hundred times the archive's
            size.
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
        with gzip.open(archive) as stream:  # read to the end, where the checksum is
            while stream.read(PIECE):
                allowed(stream.tell())
        with tarfile.open(archive) as tarred:
            names = [member.name for member in tarred.getmembers() if member.isfile()]
            return [_write_member(tarred.extractfile(n), target) for n, target in targets(names)]
    except Untrusted:
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a disk error, not a damaged archive
            raise
        raise _damaged(archive, error) from None
    except Exception as error:  # damaged archives raise many kinds of exception
        raise _damaged(archive, error) from None


class Untrusted(ValueError):
    """Error for an archive that is unsafe or lacks a requested file."""


def _damaged(archive: Path, error: Exception) -> ValueError:
    return ValueError(f"{archive} is damaged ({error}); delete it and try again")


def _targets(
    names: list[str],
    folder: Path,
    members: tuple[str, ...],
    archive: Path,
    renamed: tuple[tuple[str, str], ...],
) -> list[tuple[str, Path]]:
    """Return the names to extract from the archive, each with its target path."""
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
            raise Untrusted(
                f"{archive} is not to be trusted: {name!r} would be written outside the folder"
            )
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
