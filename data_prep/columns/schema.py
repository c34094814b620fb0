"""Column description of a table: between its rows, and the numbers and categories of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.columns import cells, date_columns, row_noise
from tfp_maf.data_prep.columns.category_columns import CategoryColumn
from tfp_maf.data_prep.columns.date_columns import DateColumn
from tfp_maf.data_prep.columns.derived_columns import DerivedColumn
from tfp_maf.data_prep.columns.month_columns import MonthColumn
from tfp_maf.data_prep.columns.number_columns import Encoded, NumberColumn
from tfp_maf.data_prep.columns.spelling import Spelling
from tfp_maf.data_prep.splits import Rows, Scaler

Column: TypeAlias = NumberColumn | CategoryColumn | DateColumn
KINDS: dict[str, Any] = {
    kind.kind: kind
    for kind in (NumberColumn, CategoryColumn, DateColumn, MonthColumn, DerivedColumn)
}


@dataclass(frozen=True)
class EncodedTable:
    """Rows of a table, before standardisation.

    Attributes:
        numbers: float64 ``[N, D]``; NaN where a row has no number.
        codes: Categories, int64 ``[N, C]``.
        log_det: ``log |d numbers / d values|``, ``[N]``.
        penalty: Nats that a row loses because a rule between its columns is broken, ``[N]``.
        reasons: Why a row has no score; an empty text where it has one, ``[N]``.
        keys: See :func:`row_noise.keys`.
    """

    numbers: np.ndarray
    codes: np.ndarray
    log_det: np.ndarray
    penalty: np.ndarray
    reasons: np.ndarray
    keys: np.ndarray

    def __getitem__(self, rows: Any) -> EncodedTable:
        return EncodedTable(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Schema:
    """Column description.

    Attributes:
        columns: The columns that are modelled, in the table's order.
        derived: Columns that follow from these.
        order: Names of all columns of a sample, in the table's order.
        fills: Value of a missing cell, by column.
        given: Names of the columns that the density is conditional on.
        units: Deviation of each number in the column's own units, by name: what one standard unit
            is, whatever the transformation.
        na: Texts that mean that a value is missing.
        spellings: How the table writes the numbers of a column, if not plainly, by name.
    """

    columns: tuple[Column, ...]
    derived: tuple[DerivedColumn, ...] = ()
    order: tuple[str, ...] = ()
    fills: Mapping[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    units: Mapping[str, float] = field(default_factory=dict)
    na: tuple[str, ...] = ()
    spellings: Mapping[str, Spelling] = field(default_factory=dict)

    @classmethod
    def of_numbers(cls, scaler: Scaler) -> Schema:
        """Return the description of a table whose columns are numbers taken as they are."""
        columns = tuple(NumberColumn(name) for name in scaler.columns)
        units = dict(zip(scaler.columns, map(float, scaler.scale), strict=True))
        return cls(columns, order=scaler.columns, units=units)

    @property
    def number_names(self) -> list[str]:
        """Names of the numbers of a row, D of them."""
        return [name for column in self.columns for name in column.number_names]

    @property
    def category_sizes(self) -> dict[str, int]:
        """Names and sizes of the categories of a row, C of them."""
        return {n: size for column in self.columns for n, size in column.category_sizes.items()}

    @property
    def is_linear(self) -> bool:
        """Whether every column is a number, which is only standardised."""
        return not self.given and all(
            isinstance(column, NumberColumn)
            and column.transform == "none"
            and not column.category_sizes
            for column in self.columns
        )

    @property
    def is_given(self) -> tuple[np.ndarray, np.ndarray]:
        """Masks ``[D]`` and ``[C]`` of the numbers and categories that are given."""
        numbers = [c.name in self.given for c in self.columns for _ in c.number_names]
        codes = [c.name in self.given for c in self.columns for _ in c.category_sizes]
        return np.array(numbers, bool), np.array(codes, bool)

    def one_hot(self, codes: np.ndarray, *, only: np.ndarray | None = None) -> np.ndarray:
        """Return categories ``[N, C]`` as vectors of zeros with a one, side by side.

        Args:
            codes: Categories of rows.
            only: Mask ``[C]`` of the categories that are wanted; all by default.

        Returns:
            float32 ``[N, F]``, F being the sum of the sizes.
        """
        parts = [
            np.eye(size, dtype=np.float32)[codes[:, place]]
            for place, size in enumerate(self.category_sizes.values())
            if only is None or only[place]
        ]
        return np.concatenate([np.empty([len(codes), 0], np.float32), *parts], axis=1)

    @property
    def names(self) -> list[str]:
        """Names of the table's columns that rows are read from."""
        return [*(c.name for c in self.columns), *(c.name for c in self.derived)]

    def encode(self, frame: pd.DataFrame, *, decimal: str | None = None) -> EncodedTable:
        """Return the numbers and categories of rows.

        Args:
            decimal: Decimal sign of numbers in text; by default, each column tells.
            frame: Cells as they were read, with the columns that are modelled; others that the
                description knows are compared with their rules.
        """
        count = len(frame)
        parsed = {
            name: cells.parse(frame[name], decimal=decimal, na=self.na)
            for name in self.names
            if name in frame
        }
        missing = {name: column.missing for name, column in parsed.items()}
        values: dict[str, np.ndarray] = {}
        codes: dict[str, Encoded] = {}
        for column in self.columns:
            found = parsed[column.name]
            may_be_missing = column.has_missing or column.name in self.fills
            if isinstance(column, CategoryColumn):
                if may_be_missing and column.is_numeric:  # as a text among numbers in training
                    missing[column.name] = found.missing | found.bad
                codes[column.name] = column.encode(*self._filled(column, frame, missing))
                continue
            if isinstance(column, DateColumn):
                numbers = date_columns.seconds_of(frame[column.name], column.format)
            else:
                numbers = np.where(found.missing, np.nan, found.numbers)
            if may_be_missing:
                missing[column.name] = found.missing | ~np.isfinite(numbers)
            values[column.name] = self._fill(column, numbers, missing)
        stacked = [*values.values(), *(e.codes[:, 0].astype(float) for e in codes.values())]
        keys = row_noise.keys(np.stack(stacked, axis=1) if stacked else np.empty([count, 0]))
        parts: list[Encoded] = []
        stream = 0
        for column in self.columns:
            name = column.name
            if isinstance(column, CategoryColumn):
                parts.append(codes[name])
                continue
            parts.append(column.encode(values[name], missing[name], keys, stream=stream))
            stream += parts[-1].numbers.shape[1]
            _tell(parts[-1].reasons, name, frame[name], missing[name])
        return EncodedTable(
            numbers=np.concatenate([np.empty([count, 0]), *(p.numbers for p in parts)], axis=1),
            codes=np.concatenate(
                [np.empty([count, 0], np.int64), *(part.codes for part in parts)], axis=1
            ),
            log_det=sum(
                (
                    part.log_det
                    for column, part in zip(self.columns, parts, strict=True)
                    if column.name not in self.given
                ),
                np.zeros(count),
            ),
            penalty=self._penalty(frame, parsed, values),
            reasons=_joined([part.reasons for part in parts], count),
            keys=keys,
        )

    def _filled(
        self, column: Column, frame: pd.DataFrame, missing: dict[str, np.ndarray]
    ) -> tuple[pd.Series, np.ndarray]:
        found, gaps = frame[column.name], missing[column.name]
        if column.name in self.fills and gaps.any():
            found = found.astype(object).where(~gaps, self.fills[column.name])
            gaps = np.zeros(len(gaps), bool)
        return found, gaps

    def _fill(
        self, column: Column, numbers: np.ndarray, missing: dict[str, np.ndarray]
    ) -> np.ndarray:
        gaps = missing[column.name]
        if column.name in self.fills and gaps.any():
            numbers = np.where(gaps, self.fills[column.name], numbers)
            missing[column.name] = np.zeros(len(gaps), bool)
        return numbers

    def _penalty(
        self, frame: pd.DataFrame, parsed: Mapping[str, Any], values: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        result = np.zeros(len(frame))
        numbers = dict(values)
        for column in self.columns:  # of categories that are numbers
            if column.name not in numbers:
                found = parsed[column.name]
                numbers[column.name] = np.where(found.missing, np.nan, found.numbers)
        for rule in self.derived:
            if rule.name not in parsed:
                continue
            found = parsed[rule.name]
            if rule.is_text:
                result += rule.text_penalty(frame[rule.name], found.missing)
            else:
                value = np.where(found.missing, np.nan, found.numbers)
                result += rule.penalty(value, {name: numbers[name] for name in rule.weights})
        return result

    def standardised(self, table: EncodedTable, scaler: Scaler) -> Rows:
        """Return the rows that a model sees.

        Where a row has no number, it gets a standard normal one, whose own log-density is taken off
        again: what is left is the density of the numbers that it has.
        """
        seen = np.isfinite(table.numbers)
        z = scaler.standardise(np.where(seen, table.numbers, scaler.mean)).astype(np.float64)
        fills = np.zeros(z.shape)
        for place in np.flatnonzero(~seen.all(axis=0)):
            fills[:, place] = row_noise.normal(table.keys, int(place))
        counted = ~self.is_given[0]  # what is given has no density
        of_fills = np.where(~seen & counted, 0.5 * fills**2 + 0.5 * np.log(2 * np.pi), 0.0).sum(
            axis=1
        )
        units = np.log([self.units.get(name, 1.0) for name in self.number_names])
        to_units = -np.where(seen & counted, units, 0.0).sum(axis=1)
        scaling = np.where(seen & counted, units - np.log(scaler.scale), 0.0).sum(axis=1)
        return Rows(
            np.where(seen, z, fills).astype(np.float32),
            table.codes,
            table.log_det + of_fills + scaling + table.penalty,
            to_units,
        )

    def decode(self, numbers: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
        """Return a table for numbers ``[N, D]`` in their own units and categories ``[N, C]``."""
        found: dict[str, pd.Series] = {}
        place = code = 0
        for column in self.columns:
            end, last = place + len(column.number_names), code + len(column.category_sizes)
            found[column.name] = column.decode(numbers[:, place:end], codes[:, code:last])
            place, code = end, last
        for rule in self.derived:
            found[rule.name] = rule.values(found, len(numbers))
        names = [name for name in self.order if name in found] or list(found)
        return pd.DataFrame({name: found[name] for name in names})

    def spelled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a decoded table with its numbers written as the table does, such as $5 or 12%."""
        texts = {n: how.write(frame[n]) for n, how in self.spellings.items() if n in frame}
        return frame.assign(**texts)

    def describe(self) -> list[str]:
        """Return a line per column that is modelled."""
        lines = []
        for column in self.columns:
            is_given = ", given" if column.name in self.given else ""
            lines.append(f"column {column.name!r}: {column.describe()}{is_given}")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return plain values, which :meth:`from_json` reads."""
        return {
            "columns": [column.to_json() for column in self.columns],
            "derived": [column.to_json() for column in self.derived],
            "order": list(self.order),
            "fills": dict(self.fills),
            "given": list(self.given),
            "units": dict(self.units),
            "na": list(self.na),
            "spellings": {name: asdict(how) for name, how in self.spellings.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Schema:
        """Build a description from the result of :meth:`to_json`.

        Raises:
            ValueError: If it is damaged.
        """
        try:
            lists = {name: tuple(values[name]) for name in ("order", "given", "na")}
            return cls(
                tuple(column_of(column) for column in values["columns"]),
                tuple(column_of(column) for column in values["derived"]),
                fills=values["fills"],
                units=values["units"],
                spellings={n: Spelling(**how) for n, how in values["spellings"].items()},
                **lists,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the column description is damaged: {error!r}") from None


def column_of(values: Mapping[str, Any]) -> Any:
    """Return the column that plain values describe.

    Raises:
        KeyError, TypeError: If its kind is unknown, or an attribute is missing or unknown.
    """
    return KINDS[values["kind"]](**{n: v for n, v in values.items() if n != "kind"})


def _tell(reasons: np.ndarray, name: str, column: pd.Series, missing: np.ndarray) -> None:
    """Quote the cells that are no numbers or dates in the reasons."""
    for row in np.flatnonzero((reasons != "") & ~missing):
        if reasons[row].endswith("not a finite number"):
            reasons[row] = f"column {name!r}: {text_files.what_is_wrong(column.iloc[int(row)])}"


def _joined(reasons: Sequence[np.ndarray], count: int) -> np.ndarray:
    result = np.full(count, "", object)
    for of_column in reasons:
        for row in np.flatnonzero(of_column != ""):
            result[row] = f"{result[row]}; {of_column[row]}" if result[row] else of_column[row]
    return result
