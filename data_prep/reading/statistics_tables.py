"""Tables of statistics programs: Stata, SAS, and Weka's ARFF.

SPSS's files are left out: pyreadstat, which pandas reads them by, crashes Python on damaged ones.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tfp_maf.data_prep.reading import raw_files


def _stata(data: bytes, path: Path) -> pd.DataFrame:
    """Read Stata's values by their labels, or as they are where two have the same label."""
    try:
        return pd.read_stata(io.BytesIO(data))
    except ValueError as error:
        if "labels" not in str(error):
            raise
        return pd.read_stata(io.BytesIO(data), convert_categoricals=False)


def _sas(data: bytes, path: Path) -> pd.DataFrame:
    return pd.read_sas(io.BytesIO(data), format="sas7bdat", encoding="infer")


def _sas_transport(data: bytes, path: Path) -> pd.DataFrame:
    return pd.read_sas(io.BytesIO(data), format="xport", encoding="latin-1")


def _arff(data: bytes, path: Path) -> pd.DataFrame:
    from scipy.io import arff

    text, _ = raw_files.decoded(data, path, None)
    rows, about = arff.loadarff(io.StringIO(text))
    frame = pd.DataFrame(rows)
    for name, kind in zip(about.names(), about.types(), strict=True):
        if kind == "nominal":
            texts = frame[name].str.decode("utf-8")
            frame[name] = texts.map(_unquoted).where(texts != "?")
    return frame.rename(columns=_unquoted)


def _unquoted(text: str) -> str:
    """Return a name or value without the quotes that SciPy leaves where none were needed."""
    is_quoted = len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]
    return text[1:-1] if is_quoted else text


def _valid(
    reader: Callable[[bytes, Path], pd.DataFrame], kind: str
) -> Callable[[bytes, Path], pd.DataFrame]:
    """Return a reader whose errors name the file."""

    def read(data: bytes, path: Path) -> pd.DataFrame:
        try:
            return reader(data, path).reset_index(drop=True)
        except Exception as error:  # of several types, by what is damaged
            raise ValueError(f"{path} is not a valid {kind} file: {error}") from None

    return read


READERS = {
    ".dta": _valid(_stata, "Stata"),
    ".sas7bdat": _valid(_sas, "SAS"),
    ".xpt": _valid(_sas_transport, "SAS transport"),
    ".arff": _valid(_arff, "ARFF"),
}
