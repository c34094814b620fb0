"""Options of how a table supplied by the user is read."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

SEPARATOR_NAMES = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}

# What is done about missing values.
Missing = Literal["auto", "drop", "fill", "model"]


@dataclass(frozen=True)
class Reading:
    r"""What the user says about a table; None or ``()`` where the file itself is to tell.

    Attributes:
        separator: Separator of the fields, one character; a space is any white space.
        decimal: Decimal sign, ``"."`` or ``","``.
        encoding: Encoding of a text file, such as ``cp1252``.
        header: Whether the first line names the columns.
        na: Texts that mean that a value is missing, besides the usual ones.
        columns: Names of the columns to use, in order; all by default.
    """

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool | None = None
    na: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.separator is not None:
            separator = SEPARATOR_NAMES.get(self.separator.lower(), self.separator)
            if len(separator) != 1 or separator in '"\r\n':
                raise ValueError(f"separator {self.separator!r} is not one character, such as ';'")
            object.__setattr__(self, "separator", separator)
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal {self.decimal!r} is neither '.' nor ','")
        if self.decimal is not None and self.decimal == self.separator:
            raise ValueError(f"separator and decimal are both {self.decimal!r}; give two signs")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ValueError(
                    f"no encoding {self.encoding!r}; use one such as utf-8, utf-16 or cp1252"
                ) from None
        object.__setattr__(self, "na", tuple(self.na))
        object.__setattr__(self, "columns", tuple(self.columns))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, which :meth:`from_json` reads."""
        values = asdict(self)
        return values | {"na": list(self.na), "columns": list(self.columns)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> Reading:
        """Build options from the result of :meth:`to_json`; None gives the defaults.

        Raises:
            ValueError: If an option is invalid.
        """
        try:
            return cls(**(values or {}))
        except (TypeError, AttributeError) as error:
            raise ValueError(f"the options of reading are damaged: {error}") from None
