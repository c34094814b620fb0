"""What the user says about a table, as ``train`` takes it and a run's configuration keeps it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfp_maf.data_prep.reading.reading import Missing, Reading


@dataclass(frozen=True)
class TableOptions:
    """Options of :func:`tfp_maf.data_prep.table.load`.

    Attributes:
        drop: columns to leave out.
        weight: column that holds each row's weight in training.
        given: columns that the density is conditional on.
        missing: what is done about missing values.
        continuous: whether only numbers are taken, as they are.
        schema: attributes of columns that are not to be inferred, by name.
        reading: how the file is read.
    """

    drop: tuple[str, ...] = ()
    weight: str | None = None
    given: tuple[str, ...] = ()
    missing: Missing = "auto"
    continuous: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading = Reading()

    def changed(self) -> list[str]:
        """Return the names of the options that are not the defaults."""
        default = TableOptions()
        return [
            each.name
            for each in dataclasses.fields(self)
            if getattr(self, each.name) != getattr(default, each.name)
        ]

    @property
    def keywords(self) -> dict[str, Any]:
        """Keyword arguments of :func:`tfp_maf.data_prep.table.load`."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return values | values.pop("reading").to_json()

    def to_json(self) -> dict[str, Any]:
        """Return plain values, which :meth:`from_json` reads."""
        return {
            "drop": list(self.drop),
            "weight": self.weight,
            "given": list(self.given),
            "missing": self.missing,
            "continuous": self.continuous,
            "schema": dict(self.schema),
            "reading": self.reading.to_json(),
        }

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> TableOptions:
        """Return the options in a run's configuration; a release knew fewer of them.

        Raises:
            ValueError: an option is damaged.
        """
        try:
            return cls(
                tuple(config["drop"]),
                config.get("weight"),
                tuple(config.get("given", ())),
                config.get("missing", "drop"),
                config.get("continuous", "described" not in config),
                config.get("schema", {}),
                Reading.from_json(config.get("reading")),
            )
        except TypeError as error:
            raise ValueError(f"the options of the table are damaged: {error}") from None


def read_schema(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read attributes of columns from a JSON file: ``{"COLUMN": {"kind": "category"}, ...}``.

    A list of columns with their names, as in the ``config.json`` of a run, is read, too.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        if isinstance(values, dict) and isinstance(values.get("described"), dict):
            values = values["described"]  # a run's config.json
        if isinstance(values, dict) and isinstance(values.get("columns"), list):
            values = values["columns"]
        if isinstance(values, list):
            values = {each["name"]: each for each in values}
        return {
            name: {n: value for n, value in attributes.items() if n != "name"}
            for name, attributes in values.items()
        }
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f'--schema {path} should be like {{"COLUMN": {{"kind": "category"}}}} ({error})'
        ) from None
