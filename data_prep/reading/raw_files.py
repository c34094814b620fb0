"""Contents of files: unpacked, from standard input or the disk, and decoded."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.archives import ALWAYS_FINE, MOST_TIMES

STDIN = "-"
COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
EXCEL_97 = b"\xd0\xcf\x11\xe0"
MAGIC = {b"PAR1": ".parquet", b"\x93NUMPY": ".npy", b"ARROW1": ".feather", b"FEA1": ".feather"}
PACKED = {
    b"\x1f\x8b": ".gz",
    b"\xfd7zXZ\x00": ".xz",
    b"PK\x03\x04": ".zip",
    **{b"BZh%d1AY&SY" % size: ".bz2" for size in range(1, 10)},
}
ZIP_INSIDE = (".xlsx", ".xlsm", ".xlsb", ".ods", ".npz")
# Byte order marks, the longest first, because that of UTF-16 begins the one of UTF-32.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DETECTED = ["cp1252", "latin_1", "utf_8", "cp1250", "cp1251", "mac_roman"]
DETECTED += ["shift_jis", "gb18030", "big5", "euc_kr"]
SAMPLE = 2**18  # bytes to find an encoding from


def contents(path: Path) -> tuple[bytes, str]:
    """Return the unpacked content of a file and its kind, as an ending in lower case.

    Raises:
        OSError: If there is no such file.
        ValueError: If the file is empty, damaged or a decompression bomb.
    """
    if str(path) == STDIN:
        data, name = sys.stdin.buffer.read(), ""
        if not data:
            raise ValueError("standard input is empty")
    else:
        text_files.require_file(path)
        data, name = path.read_bytes(), path.name.lower()
    suffix = Path(name).suffix
    if suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    if suffix not in ZIP_INSIDE:
        packed = _kind_of(data, PACKED)
        if packed or suffix in COMPRESSED:
            data, inner = _unpacked(data, packed or suffix, path)
            name = inner.lower() or name
    suffix = Path(name).suffix
    if suffix == ".xls" and not data.startswith(EXCEL_97):  # text, as many programs call it
        suffix = ""
    return data, _kind_of(data, MAGIC) or suffix


def _kind_of(data: bytes, magic: Mapping[bytes, str]) -> str:
    """Return the kind that the first bytes tell, whatever the file is called, or an empty text."""
    return next((kind for start, kind in magic.items() if data.startswith(start)), "")


def _unpacked(data: bytes, kind: str, path: Path) -> tuple[bytes, str]:
    """Return the unpacked bytes and, of a ZIP archive, the name of the file in it."""
    most = max(ALWAYS_FINE, MOST_TIMES * len(data))
    try:
        if kind == ".zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [m for m in archive.infolist() if not m.is_dir()]
                members = [m for m in members if not m.filename.startswith("__MACOSX")]
                if members and all(m.filename.endswith(".npy") for m in members):
                    return data, "x.npz"
                if any(m.filename == "[Content_Types].xml" for m in members):
                    return data, "x.xlsx"
                if any(m.filename == "content.xml" for m in members):
                    return data, "x.ods"
                if len(members) != 1:
                    names = ", ".join(m.filename for m in members[:5]) or "none"
                    raise ValueError(
                        f"{path} should hold one file, but holds {len(members)} ({names}); "
                        f"unpack it, and give the table"
                    )
                with archive.open(members[0]) as file:
                    return _at_most(file, most, path), members[0].filename
        openers: dict[str, Callable[..., Any]] = {
            ".gz": gzip.open,
            ".bz2": bz2.open,
            ".xz": lzma.open,
        }
        with openers[kind](io.BytesIO(data)) as file:
            return _at_most(file, most, path), ""
    except (EOFError, OSError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError,
            zipfile.BadZipFile) as error:  # fmt: skip
        raise ValueError(
            f"{path} is a damaged or truncated {kind} file ({error}); copy or download it again"
        ) from None


def _at_most(file: IO[bytes], most: int, path: Path) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{path} is not to be trusted: it unpacks to more than {most} bytes")
    if not data:
        raise ValueError(f"{path} is empty")
    return data


def decoded(data: bytes, path: Path, encoding: str | None) -> tuple[str, str]:
    """Decode a text, and return it with the name of its encoding.

    Args:
        data: Bytes of the text.
        path: Path of the file for error messages.
        encoding: Encoding, if the user gives one.

    Raises:
        ValueError: If the bytes are not text.
    """
    if encoding is not None:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), encoding
        except UnicodeError as error:
            raise ValueError(f"{path} is not {encoding}: {error}; give another encoding") from None
    found = next((name for mark, name in MARKS.items() if data.startswith(mark)), "utf-8")
    head = data[:SAMPLE]
    if found == "utf-8" and b"\0" in head:  # UTF-16 without a mark has NULs in every other byte
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) < 0.3 * len(head) or min(even, odd) > 0.1 * len(head):
            raise ValueError(f"{path} is not a text file")
        found = "utf-16-le" if odd > even else "utf-16-be"
    try:
        return data.decode(found), found.removesuffix("-sig")
    except UnicodeError:
        if found != "utf-8":
            raise ValueError(f"{path} is not a text file") from None
    from charset_normalizer import from_bytes

    best = from_bytes(head, cp_isolation=DETECTED, threshold=0.5).best()
    if best is None:
        raise ValueError(f"{path} is not a text file")
    # Of the single-byte encodings that fit, the most common one.
    for name in ("cp1252" if best.encoding in ("latin_1", "cp1250") else best.encoding, "latin_1"):
        try:
            return data.decode(name), name
        except UnicodeError:
            continue
    raise ValueError(f"{path} is not a text file")
