"""Model of a described table: probabilities of its categories times densities of its numbers.

``p(row | given) = P(categories | given) p(numbers | categories, given)``, the first a MADE of
categories, the second one flow, or the weighted mean of several.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.files import write_json
from tfp_maf.data_prep.splits import Rows, Scaler, Splits
from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow

MEMBERS, MODELS, CATEGORIES = "members.json", "models", "categories"


@dataclass(frozen=True)
class Member:
    """Density of the numbers, one of those that are averaged.

    Attributes:
        name: what it is called, such as ``"made_mog"``.
        flow: over the numbers that are not given, standardised.
        weight: in the average; the weights of all members sum to one.
        order: which number each column of the flow is.
    """

    name: str
    flow: Flow
    weight: float = 1.0
    order: tuple[int, ...] = ()

    def log_prob(self, z: np.ndarray, condition: Any, *, progress: bool = False) -> np.ndarray:
        """Return the log-densities of standardised numbers ``[N, D]``."""
        columns = list(self.order) or slice(None)
        return chunked_log_prob(self.flow, z[:, columns], condition=condition, progress=progress)

    def sample(self, n: int, condition: Any, seed: int | None) -> np.ndarray:
        """Draw standardised numbers ``[n, D]``."""
        return self._in_place(self.flow.sample(n, condition=condition, seed=seed).numpy())

    def noise(self, z: np.ndarray, condition: Any) -> np.ndarray:
        """Return the noise ``[N, D]`` of standardised numbers, in the order of the numbers."""
        columns = list(self.order) or slice(None)
        return self._in_place(self.flow.noise(z[:, columns], condition).numpy())

    def _in_place(self, values: np.ndarray) -> np.ndarray:
        if not self.order:
            return values
        result = np.empty_like(values)
        result[:, list(self.order)] = values
        return result


class TableModel:
    """Model of the rows of a table.

    Attributes:
        schema: the description of its columns.
        scaler: of its numbers.
        categories: probabilities of the categories that are not given, or None.
        members: densities of the numbers that are not given, none if there are no such numbers.
    """

    def __init__(
        self,
        schema: Schema,
        scaler: Scaler,
        categories: Flow | None,
        members: Sequence[Member],
    ):
        self.schema, self.scaler = schema, scaler
        self.categories, self.members = categories, tuple(members)
        self.given_numbers, self.given_codes = schema.is_given

    @classmethod
    def untrained(cls, splits: Splits) -> TableModel:
        """Return the model of a table's splits before anything is trained."""
        schema = splits.schema or Schema.of_numbers(splits.scaler)
        return cls(schema, splits.scaler, None, [])

    # Rows as the flows see them

    def numbers(self, rows: Rows) -> np.ndarray:
        """Return the standardised numbers that have a density, ``[N, D]``."""
        return rows.z[:, ~self.given_numbers]

    def codes(self, rows: Rows) -> np.ndarray:
        """Return the categories that have probabilities, float32 ``[N, C]``."""
        return rows.codes[:, ~self.given_codes].astype(np.float32)

    def category_condition(self, rows: Rows) -> np.ndarray | None:
        """Return what the categories' probabilities are conditional on, ``[N, G]``, or None."""
        return self._joined(rows, self.schema.one_hot(rows.codes, only=self.given_codes))

    def number_condition(self, rows: Rows) -> np.ndarray | None:
        """Return what the numbers' density is conditional on, ``[N, G]``, or None."""
        return self._joined(rows, self.schema.one_hot(rows.codes))

    @property
    def number_condition_size(self) -> int:
        """Length G of what the numbers' density is conditional on, 0 for nothing."""
        return int(self.given_numbers.sum()) + sum(self.schema.category_sizes.values())

    def _joined(self, rows: Rows, categories: np.ndarray) -> np.ndarray | None:
        joined = np.concatenate([rows.z[:, self.given_numbers], categories], axis=1)
        return joined if joined.shape[1] else None

    # Likelihoods

    def category_log_prob(self, rows: Rows) -> np.ndarray:
        """Return the log-probabilities of the categories, float64 ``[N]``."""
        if self.categories is None or not len(rows):
            return np.zeros(len(rows))
        return chunked_log_prob(
            self.categories, self.codes(rows), condition=self.category_condition(rows)
        )

    def number_log_prob(self, rows: Rows, *, progress: bool = False) -> np.ndarray:
        """Return the log-densities of the numbers given the categories, float64 ``[N]``.

        They are in standard units.
        """
        if not self.members or not len(rows):
            return np.zeros(len(rows)) + rows.log_det
        z, condition = self.numbers(rows), self.number_condition(rows)
        of_members = [
            np.log(member.weight) + member.log_prob(z, condition, progress=progress)
            for member in self.members
        ]
        return np.logaddexp.reduce(of_members, axis=0) + rows.log_det

    def log_prob(self, rows: Rows, *, progress: bool = False) -> np.ndarray:
        """Return the log-likelihoods of rows in standard units, float64 ``[N]``."""
        return self.category_log_prob(rows) + self.number_log_prob(rows, progress=progress)

    # Samples

    def sample(
        self, n: int, *, given: pd.DataFrame | None = None, seed: int | None = None
    ) -> pd.DataFrame:
        """Draw rows of the table, in its columns, units, categories and formats.

        Args:
            n: number of rows.
            given: values of the columns that the density is conditional on: one row for all
                samples, or one for each.
            seed: the same seed gives the same rows.

        Raises:
            ValueError: If a given column is missing or unknown, or a value cannot be used.
        """
        return self.schema.spelled(self.cells(*self.sample_standard(n, given=given, seed=seed)))

    def cells(self, z: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
        """Return standardised numbers ``[N, D]`` and categories ``[N, C]`` as a table's cells.

        Numbers stay numbers, also where the table writes them with signs, such as $5 or 12%.
        """
        return self.schema.decode(self.scaler.unstandardise(z), codes)

    def sample_standard(
        self, n: int, *, given: pd.DataFrame | None = None, seed: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw standardised numbers ``[n, D]`` and categories ``[n, C]``."""
        rng = np.random.default_rng(seed)
        rows = self._given_rows(n, given)
        if self.categories is not None:
            drawn = self.categories.sample(
                n, condition=self.category_condition(rows), seed=_seed(rng)
            )
            rows.codes[:, ~self.given_codes] = np.round(drawn.numpy()).astype(np.int64)
        if self.members:
            condition = self.number_condition(rows)
            places = np.flatnonzero(~self.given_numbers)
            weights = [member.weight for member in self.members]
            chosen = rng.choice(len(weights), size=n, p=np.array(weights) / np.sum(weights))
            for index, member in enumerate(self.members):
                of_member = np.flatnonzero(chosen == index)
                if len(of_member):
                    given_here = None if condition is None else condition[of_member]
                    drawn = member.sample(len(of_member), given_here, _seed(rng))
                    rows.z[np.ix_(of_member, places)] = drawn
        return rows.z, rows.codes

    def _given_rows(self, n: int, given: pd.DataFrame | None) -> Rows:
        """Return rows that have only what is given."""
        names = list(self.schema.given)
        zeros = np.zeros(n)
        z = np.zeros([n, len(self.given_numbers)], np.float32)
        codes = np.zeros([n, len(self.given_codes)], np.int64)
        if not names:
            if given is not None and len(given.columns):
                raise ValueError("nothing is given to this model: leave out --given")
            return Rows(z, codes, zeros, zeros)
        found = [] if given is None else list(given.columns)
        wrong = [name for name in names if name not in found]
        wrong += [name for name in found if name not in names]
        if wrong or given is None:
            raise ValueError(f"the model needs values of {', '.join(map(repr, names))}: give these")
        columns = tuple(column for column in self.schema.columns if column.name in names)
        only = Schema(columns, na=self.schema.na)
        encoded = only.encode(given.reset_index(drop=True))
        bad = np.flatnonzero(encoded.reasons != "")
        if len(bad):
            raise ValueError(f"given: {encoded.reasons[bad[0]]}")
        rows = only.standardised(encoded, self.scaler.only(self.given_numbers))
        z[:, self.given_numbers], codes[:, self.given_codes] = rows.z, rows.codes
        return Rows(z, codes, zeros, zeros)

    # Noise, files

    def noise(self, rows: Rows) -> np.ndarray:
        """Return the noise ``[N, D]`` of the heaviest member; standard normal if it fits.

        Its columns are in the order of the numbers, whichever order the member sees them in.
        """
        if not self.members:
            return np.empty([len(rows), 0])
        z, condition = self.numbers(rows), self.number_condition(rows)
        return self.heaviest.noise(z, condition)

    @property
    def heaviest(self) -> Member:
        """Member with the largest weight."""
        return max(self.members, key=lambda member: member.weight)

    def save(self, folder: str | Path) -> None:
        """Write all flows and how they are put together.

        A model that is one flow is written as :meth:`Flow.save` does, to ``model``; others to
        folders in ``models``.

        Raises:
            OSError: If the folder can't be written.
        """
        folder = Path(folder)
        places = {}
        for index, member in enumerate(self.members):
            alone = len(self.members) == 1 and self.categories is None
            places[index] = "." if alone else f"{MODELS}/{member.name}"
            member.flow.save(
                folder / places[index],
                scaler=self.scaler if alone and self.schema.is_linear else None,
            )
        if self.categories is not None:
            self.categories.save(folder / MODELS / CATEGORIES)
        values = {
            "schema": self.schema.to_json(),
            "scaler": self.scaler.to_json(),
            "has_categories": self.categories is not None,
            "members": [
                {
                    "name": member.name,
                    "folder": places[index],
                    "weight": member.weight,
                    "order": list(member.order),
                }
                for index, member in enumerate(self.members)
            ],
        }
        write_json(folder / MEMBERS, values)

    @classmethod
    def load(cls, folder: str | Path, *, scaler: Scaler | None = None) -> TableModel:
        """Load the model that :meth:`save` wrote, or a single flow.

        Args:
            folder: the folder that it was saved to.
            scaler: of a flow that was saved without a description of its columns.

        Raises:
            OSError: If there is no model.
            ValueError: If a file is damaged.
        """
        folder = Path(folder)
        if not (folder / MEMBERS).is_file():
            if scaler is None:
                raise FileNotFoundError(f"{folder} holds no model of a table: no {MEMBERS}")
            flow = load_flow(folder, scaler=scaler)
            return cls(Schema.of_numbers(scaler), scaler, None, [Member("flow", flow)])
        path = folder / MEMBERS
        try:
            values = json.loads(path.read_text())
            schema, own = Schema.from_json(values["schema"]), Scaler.from_json(values["scaler"])
            described: list[Mapping[str, Any]] = values["members"]
            for each in described:
                _ = each["name"], each["folder"], float(each["weight"]), list(each["order"])
            has_categories = bool(values["has_categories"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is damaged ({error}); train again") from None
        if scaler is not None and not own.equals(scaler):
            raise ValueError(f"{path} is of another run than its config.json; copy the run again")
        members = [
            Member(
                each["name"],
                load_flow(folder / each["folder"]),
                float(each["weight"]),
                tuple(each["order"]),
            )
            for each in described
        ]
        categories = load_flow(folder / MODELS / CATEGORIES) if has_categories else None
        return cls(schema, own, categories, members)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
