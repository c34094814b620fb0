"""Description of a table's columns, and its rows as a model sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep import missing_values
from tfp_maf.data_prep.columns import (
    category_columns,
    cells,
    date_columns,
    dependent_columns,
    derived_columns,
    infer_columns,
    month_columns,
)
from tfp_maf.data_prep.columns.category_columns import CategoryColumn
from tfp_maf.data_prep.columns.date_columns import DateColumn
from tfp_maf.data_prep.columns.derived_columns import DerivedColumn
from tfp_maf.data_prep.columns.number_columns import NumberColumn
from tfp_maf.data_prep.columns.schema import EncodedTable, Schema
from tfp_maf.data_prep.reading.clean_table import Candidates
from tfp_maf.data_prep.reading.reading import Missing
from tfp_maf.data_prep.splits import Scaler, Splits, first_not_finite, last_tenths

PARTS = ("train", "validation", "test")
FEWEST_ROWS = 11


@dataclass(frozen=True)
class Wanted:
    """What the user wants of a table's description.

    Attributes:
        given: Names of the columns that the density is conditional on.
        missing: What is done about missing values.
        continuous: Whether only numbers are taken, as they are.
        columns: Attributes of columns that are not to be inferred, by name.
    """

    given: tuple[str, ...] = ()
    missing: Missing = "auto"
    continuous: bool = False
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DescribedTable:
    """Table with its description.

    Attributes:
        schema: The description.
        encoded: Shuffled rows.
        rows: Number of each of these rows in the file, from 0, ``[N]``.
        left_out, notes: What was left out, and what was done.
    """

    schema: Schema
    encoded: EncodedTable
    rows: np.ndarray
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def splits(self, source: str) -> Splits:
        """Return the rows, split in tenths and standardised as the training rows are.

        Raises:
            ValueError: If a column cannot be standardised.
        """
        scaler = _scaler(self.encoded, self.schema.number_names)
        rows = self.schema.standardised(self.encoded, scaler)
        bad = first_not_finite(rows.z)
        if bad is not None:
            row, column = bad
            raise ValueError(
                f"column {scaler.columns[column]!r}: {self.encoded.numbers[row, column]:g} is too "
                f"far from the other values for float32; remove such rows, or rescale the column"
            )
        places = dict(zip(PARTS, last_tenths(np.arange(len(rows))), strict=True))
        parts = {name: rows[place] for name, place in places.items()}
        return Splits(
            train=parts["train"].z,
            validation=parts["validation"].z,
            test=parts["test"].z,
            scaler=scaler,
            source=source,
            left_out=self.left_out,
            notes=self.notes,
            schema=self.schema,
            parts=parts,
            places={name: self.rows[place] for name, place in places.items()},
        )


def describe(
    found: Candidates, wanted: Wanted, decimal: str | None, na: Sequence[str], *, seed: int
) -> DescribedTable:
    """Describe the columns of a table and encode its rows.

    Args:
        found: Columns that may be modelled.
        wanted: What the user wants.
        decimal, na: Decimal sign of numbers in text, and texts of missing values.
        seed: Seed of the shuffle.

    Raises:
        ValueError: If no column can be modelled, or there are too few rows.
    """
    if len(found.frame) < FEWEST_ROWS:
        raise ValueError(_too_few(len(found.frame)))
    if wanted.continuous:
        found.leave_out(
            {n: _not_numbers(c.kind) for n, c in found.cells.items() if c.kind != "numbers"}
        )
    _read_dates(found, wanted)
    empty = {n: c.kind for n, c in found.cells.items() if c.gaps.all()}
    what = {"numbers": "it has no values", "text": "it has no values", "dates": "it holds no dates"}
    found.leave_out({name: what[kind] for name, kind in empty.items()})
    for name, column in list(found.cells.items()):
        if column.kind == "text" and _asked(wanted, name).get("kind") != "category":
            reason = infer_columns.texts(name, found.frame[name][~column.missing], has_missing=True)
            if isinstance(reason, str):
                found.leave_out({name: reason})
    way = missing_values.way_of(wanted.missing, found.cells)
    if way == "drop":
        found.leave_out(missing_values.too_sparse(found.cells))
    kept = _kept_rows(found, way)
    if not found.cells:
        raise ValueError(f"no column is left to model{_because(found.notes)}")
    frame = found.frame.iloc[kept]
    if len(frame) < FEWEST_ROWS:
        gaps = [note for note in found.notes if "rows left out" in note]
        raise ValueError("; ".join([_too_few(len(frame)), *gaps]))
    order = np.random.default_rng(seed).permutation(len(frame))
    frame = frame.iloc[order]
    schema = _schema(found, frame, kept[order], wanted, way)
    schema = dataclasses.replace(schema, na=tuple(na))
    gone = [name for name in wanted.given if name not in {c.name for c in schema.columns}]
    if gone:
        raise ValueError(
            f"column {gone[0]!r} can't be given, as it is left out or follows from others"
            f"{_because([n for n in found.notes if repr(gone[0]) in n])}"
        )
    encoded = schema.encode(frame, decimal=decimal)
    units = _units(schema, encoded)
    return DescribedTable(
        dataclasses.replace(schema, units=units),
        encoded,
        frame.index.to_numpy(),
        tuple(found.left_out),
        (*found.notes, *_notes_of(schema.derived)),
    )


def _read_dates(found: Candidates, wanted: Wanted) -> None:
    """Find the format of columns of dates, and count cells that are no dates as missing."""
    for name, column in found.cells.items():
        if column.kind != "dates":
            continue
        cells_of, missing = found.frame[name], column.missing
        text_format = _asked(wanted, name).get("format")
        if text_format is None:
            text_format = date_columns.format_of(cells_of[~missing])
            if date_columns.is_ambiguous(cells_of[~missing], text_format):
                found.notes.append(
                    f"column {name!r}: days and months can't be told apart, read as "
                    f"{text_format}; --schema can give another format"
                )
        seconds = date_columns.seconds_of(cells_of, text_format)
        none = np.isnan(seconds) & ~missing
        if none.any() and not none[~missing].all():
            first = int(np.argmax(none))
            found.notes.append(
                f"column {name!r}: {none.sum()} values count as missing: no dates, first "
                f"{str(cells_of.iloc[first])[:40]!r} in row {int(found.frame.index[first]) + 1}"
            )
            missing = missing | none
        found.cells[name] = dataclasses.replace(
            column, numbers=seconds, missing=missing, format=text_format
        )


def _asked(wanted: Wanted, name: str) -> Mapping[str, Any]:
    return wanted.columns.get(name, {})


def _not_numbers(kind: str) -> str:
    return "it holds dates or times" if kind == "dates" else "it holds no numbers"


def _too_few(count: int) -> str:
    rows = "1 row is" if count == 1 else f"{count} rows are"
    return f"{rows} too few to split: at least {FEWEST_ROWS} are needed"


def _because(notes: Sequence[str]) -> str:
    text = "; ".join(notes)
    shown = text if len(text) < 400 else text[:400] + "..."
    return f" ({shown})" if text else ""


def _notes_of(rules: Sequence[DerivedColumn]) -> list[str]:
    return [f"column {rule.name!r}: {rule.describe()}" for rule in rules]


def _kept_rows(found: Candidates, way: Missing) -> np.ndarray:
    """Return the places of the rows that are kept, and note the others."""
    mask = missing_values.gaps(found.cells)
    count, names = len(found.frame), list(found.cells)
    if not mask.size or not mask.any():
        return np.arange(count)
    if way == "drop":
        found.notes += missing_values.note(mask, names, "left out: values are missing in")
        return np.flatnonzero(~mask.any(axis=1))
    how = f"have missing values, which are {'filled' if way == 'fill' else 'modelled'}, in"
    found.notes += missing_values.note(mask, names, how)
    return np.flatnonzero(~mask.all(axis=1))


def _schema(
    found: Candidates, frame: pd.DataFrame, rows: np.ndarray, wanted: Wanted, way: Missing
) -> Schema:
    """Return the description of shuffled rows; what is inferred is of the training rows."""
    train, validation, _ = last_tenths(np.arange(len(frame)))
    values: dict[str, np.ndarray] = {}
    gaps: dict[str, np.ndarray] = {}
    for name, column in found.cells.items():
        gaps[name] = column.gaps[rows]
        if column.kind != "text":
            values[name] = np.where(gaps[name], np.nan, column.numbers[rows])
    frame = _blank(frame, found, gaps, rows)
    derived = _constants(found, frame, values, gaps, train)
    derived += _dependents(found, values, derived, train, wanted)
    gone = {rule.name for rule in derived}
    columns: list[Any] = []
    fills: dict[str, Any] = {}
    for name in [name for name in found.cells if name not in gone]:
        has_missing = bool(way == "model" and gaps[name].any())
        described = _column(
            name, found, frame, values, gaps, has_missing, wanted, (train, validation)
        )
        if isinstance(described, str):
            found.leave_out({name: described})
            continue
        described = _overridden(described, _asked(wanted, name))
        columns.append(described)
        if way == "fill" and gaps[name].any():
            fills[name] = _fill(described, frame[name][~gaps[name]], values.get(name), gaps[name])
    if not columns:
        raise ValueError(
            f"no column is left to model{_because([*found.notes, *_notes_of(derived)])}"
        )
    kept = {column.name for column in columns}
    categories = {column.name for column in columns if isinstance(column, CategoryColumn)}
    derived = [rule for rule in derived if set(rule.weights) <= kept]
    order = tuple(name for name in found.frame.columns if name in kept | gone)
    spellings = {
        name: how
        for name in kept | gone
        if (how := found.cells[name].spelling) and name not in categories
    }
    return Schema(tuple(columns), tuple(derived), order, fills, wanted.given, spellings=spellings)


def _blank(
    frame: pd.DataFrame, found: Candidates, gaps: Mapping[str, np.ndarray], rows: np.ndarray
) -> pd.DataFrame:
    """Return the rows without the cells that count as missing, such as a text among numbers."""
    blank = {
        name: frame[name].astype(object).mask(gaps[name], np.nan)
        for name, column in found.cells.items()
        if (gaps[name] & ~column.missing[rows]).any()
    }
    return frame.assign(**blank)


def _column(
    name: str,
    found: Candidates,
    frame: pd.DataFrame,
    values: Mapping[str, np.ndarray],
    gaps: Mapping[str, np.ndarray],
    has_missing: bool,
    wanted: Wanted,
    parts: tuple[np.ndarray, np.ndarray],
) -> Any:
    """Return the description of a column, or why it is left out."""
    kind = found.cells[name].kind
    asked = _asked(wanted, name).get("kind")
    present = ~gaps[name]
    if kind == "text" or (asked == "category" and kind == "numbers"):
        if asked == "category":
            return _all_categories(name, frame[name][present], has_missing)
        return infer_columns.texts(name, frame[name][present], has_missing=has_missing)
    if kind == "dates":
        times, text_format = values[name][present], found.cells[name].format
        monthly = month_columns.infer(name, times, text_format, has_missing=has_missing)
        if monthly is not None and asked != "date":
            return monthly
        return date_columns.infer(name, times, text_format, has_missing=has_missing)
    train, validation = (part[present[part]] for part in parts)
    rest = np.flatnonzero(present)
    described = infer_columns.numbers(
        name,
        *(values[name][part] for part in (train, validation, rest)),
        has_missing=has_missing,
        continuous=wanted.continuous,
        few=asked != "number",
    )
    if isinstance(described, CategoryColumn):  # as the table has them: true and false, say
        return _all_categories(name, frame[name][present], has_missing)
    spelling = found.cells[name].spelling
    if spelling is not None and spelling.width:
        found.notes.append(
            f"column {name!r}: numbers of {spelling.width} digits, with zeros in front; if they "
            f'are codes, --schema can make it {{"kind": "category"}}'
        )
    return described


def _all_categories(name: str, column: pd.Series, has_missing: bool) -> CategoryColumn:
    distinct = category_columns.distinct(column)
    ordered = sorted(distinct, key=_order)
    return CategoryColumn(name, tuple(distinct[k] for k in ordered), has_missing)


def _order(text: str) -> tuple[float, str]:
    """Return what sorts numbers by size, before all texts."""
    number = cells.number(text, ".")
    return (np.inf if number is None or np.isnan(number) else number), text


def _overridden(column: Any, wanted: Mapping[str, Any]) -> Any:
    """Return a column with the attributes that the user wants.

    Raises:
        ValueError: If the column has no such attribute, or is of another kind.
    """
    attributes = {name: value for name, value in wanted.items() if name != "kind"}
    kind = wanted.get("kind", column.kind)
    if kind != column.kind:
        raise ValueError(f"column {column.name!r} can't be a {kind}: it is a {column.kind}")
    try:
        return dataclasses.replace(column, **attributes)
    except TypeError:
        known = ", ".join(f.name for f in dataclasses.fields(column) if f.name != "name")
        raise ValueError(
            f"column {column.name!r}: a {kind} has the attributes {known}, not "
            f"{', '.join(attributes)}"
        ) from None


def _constants(
    found: Candidates,
    frame: pd.DataFrame,
    values: Mapping[str, np.ndarray],
    gaps: Mapping[str, np.ndarray],
    train: np.ndarray,
) -> list[DerivedColumn]:
    """Return the columns with one value in the training rows."""
    rules = []
    for name, column in list(found.cells.items()):
        of_train = train[~gaps[name][train]]
        if gaps[name].any() or not len(of_train):
            continue
        if column.kind == "numbers":
            number = float(values[name][of_train[0]])
            if (values[name][of_train] == number).all():
                decimals = infer_columns.decimals_of(np.array([number]))
                tolerance = 1e-3 * max(abs(number), 1.0)
                rules.append(DerivedColumn(name, number, {}, tolerance, decimals))
        else:
            present = frame[name].iloc[of_train]
            if len(category_columns.distinct(present)) == 1:
                rules.append(DerivedColumn(name, category_columns.plain(present.iloc[0])))
    return rules


def _dependents(
    found: Candidates,
    values: Mapping[str, np.ndarray],
    constants: Sequence[DerivedColumn],
    train: np.ndarray,
    wanted: Wanted,
) -> list[DerivedColumn]:
    """Return the columns of numbers that repeat others or are linear in them."""
    gone = {rule.name for rule in constants}
    names = [n for n, c in found.cells.items() if c.kind == "numbers" and n not in gone]
    names.sort(key=lambda name: name not in wanted.given)  # what is given is kept
    if not names:
        return []
    x = np.stack([values[name][train] for name in names], axis=1)
    x = x[np.isfinite(x).all(axis=1)]
    with np.errstate(over="ignore", invalid="ignore"):  # of huge numbers
        spread = x.std(axis=0) if len(x) > 1 else np.zeros(len(names))
    if len(x) < FEWEST_ROWS:
        return []
    usable = np.flatnonzero((spread > 0) & (spread < np.inf) & (x != x[0]).any(axis=0))
    x, names = x[:, usable], [names[place] for place in usable]
    if not names:
        return []
    z = (x - x.mean(axis=0)) / spread[usable]
    rules = []
    for place, (_, sources) in sorted(dependent_columns.find(z, names).items()):
        rules.append(
            derived_columns.rule(
                names[place],
                x[:, place],
                {names[source]: x[:, source] for source in sources},
                decimals=infer_columns.decimals_of(np.unique(x[:, place])),
            )
        )
    return rules


def _fill(column: Any, present: pd.Series, values: np.ndarray | None, gaps: np.ndarray) -> Any:
    """Return the median of a column, or its most frequent category."""
    if isinstance(column, (NumberColumn, DateColumn)) and values is not None:
        return missing_values.fill_of(values[~gaps])
    keys = pd.Series([category_columns.key(cell) for cell in present])
    common = keys.mode().iloc[0]
    return next(each for each in column.categories if category_columns.key(each) == common)


def _scaler(encoded: EncodedTable, names: Sequence[str]) -> Scaler:
    """Return mean and deviation of each number in the training rows, where they have it."""
    train, _, _ = last_tenths(encoded.numbers)
    with np.errstate(over="ignore", invalid="ignore"):
        columns = [column[np.isfinite(column)] for column in train.T]
        mean = np.array([c.mean() if len(c) else 0.0 for c in columns])
        scale = np.array([c.std() if len(c) > 1 else 1.0 for c in columns])
    constant = np.array([len(c) > 1 and bool((c == c[0]).all()) for c in columns], bool)
    return Scaler.checked(names, mean, scale, constant=constant)


def _units(schema: Schema, encoded: EncodedTable) -> dict[str, float]:
    """Return the deviation of each number without its transformation."""
    train, _, _ = last_tenths(encoded.numbers)
    units: dict[str, float] = {}
    place = 0
    for column in schema.columns:
        for name in column.number_names:
            numbers = train[np.isfinite(train[:, place]), place]
            if isinstance(column, NumberColumn):
                numbers = column.original(numbers)
            with np.errstate(over="ignore", invalid="ignore"):
                spread = float(numbers.std()) if len(numbers) > 1 else 1.0
            units[name] = spread if 0 < spread < np.inf else 1.0
            place += 1
    return units
