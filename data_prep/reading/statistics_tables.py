"""Tables of statistics programs: Stata, SAS, and Weka's ARFF.

SPSS's files are left out: pyreadstat, which pandas reads them by, crashes Python on damaged ones.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from tfp_maf.data_prep.reading import raw_files

Found: TypeAlias = tuple[pd.DataFrame, list[str]]


def read(data: bytes, path: Path, suffix: str) -> Found:
    """Read a table, and return what is worth telling the user.

    Args:
        data: Content of the file.
        path: Path of the file for error messages.
        suffix: Kind of file, one of ``READERS``.

    Raises:
        ValueError: If the file is damaged, or of another kind.
    """
    kind, reader = READERS[suffix]
    try:
        frame, notes = reader(data, path)
    except Exception as error:  # of several types, by what is damaged
        raise ValueError(f"{path} is not a valid {kind} file: {error}") from None
    return frame.reset_index(drop=True), notes


def _stata(data: bytes, path: Path) -> Found:
    """Read Stata's values by their labels, or as they are where two have the same label."""
    try:
        return pd.read_stata(io.BytesIO(data)), []
    except ValueError as error:
        if "labels" not in str(error):
            raise
        frame = pd.read_stata(io.BytesIO(data), convert_categoricals=False)
        return frame, ["values are read without their labels, some of which are equal"]


def _sas(data: bytes, path: Path) -> Found:
    return pd.read_sas(io.BytesIO(data), format="sas7bdat", encoding="infer"), []


def _sas_transport(data: bytes, path: Path) -> Found:
    return pd.read_sas(io.BytesIO(data), format="xport", encoding="latin-1"), []


def _arff(data: bytes, path: Path) -> Found:
    from scipy.io import arff

    text, _ = raw_files.decoded(data, path, None)
    rows, about = arff.loadarff(io.StringIO(text))
    frame = pd.DataFrame(rows)
    for name, kind in zip(about.names(), about.types(), strict=True):
        if kind == "nominal":
            texts = frame[name].str.decode("utf-8")
            frame[name] = texts.map(_unquoted).where(texts != "?")
    return frame.rename(columns=_unquoted), []


def _unquoted(text: str) -> str:
    """Return a name or value without the quotes that SciPy leaves where none were needed."""
    is_quoted = len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]
    return text[1:-1] if is_quoted else text


READERS = {
    ".dta": ("Stata", _stata),
    ".sas7bdat": ("SAS", _sas),
    ".xpt": ("SAS transport", _sas_transport),
    ".arff": ("ARFF", _arff),
}
