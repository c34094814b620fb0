"""Flows over time on real series, beside a density without time, VAR and Gaussian networks.

    python tests/benchmarks/time_series.py --data DATA [--runs runs/time] [--budget 240]

DATA is the folder with ``power/`` and ``air_quality/``; ``--series exchange,electricity`` takes the
tables of Lai et al. 2018 from ``exchange/`` and ``electricity/``. A model that is in ``--runs``
already is not trained again. Writes ``results/time.json`` and ``results/time.md``, and keeps what
they have of other series and models.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep import lai2018
from tfp_maf.data_prep.files import replaced_when_whole, write_json
from tfp_maf.data_prep.reading.reading import Reading
from tfp_maf.data_prep.time_table import PARTS, TimeTable, load
from tfp_maf.evaluation.forecasts import coverage, crps_sum, energy_score
from tfp_maf.experiments.run import versions
from tfp_maf.time_series.detection import Scored, Thresholds
from tfp_maf.time_series.parts import Origins, origins_of, parts_of
from tfp_maf.time_series.vector_autoregression import VectorAutoregression, last_value
from tfp_maf.time_series.windows import Stretch

HORIZONS = (1, 10, 60)
PATHS, TIMED_PATHS = 100, 500
BREAKS, SEED = 30, 0  # of each kind
SENSORS = [f"PT08_S{i}_{gas}" for i, gas in enumerate(("CO", "NMHC", "NOx", "NO2", "O3"), 1)]
LAI = {"exchange": lai2018.load_exchange, "electricity": lai2018.load_electricity}
# Conditional density and encoder of each network.
NETWORKS = {
    "gru, MAF MoG": ("maf_mog", "gru"),
    "gru, diagonal Gaussian": ("gaussian", "gru"),
    "gru, MAF": ("maf", "gru"),
    "gru, NSF": ("nsf", "gru"),
    "convolution, MAF MoG": ("maf_mog", "convolution"),
    "convolution, diagonal Gaussian": ("gaussian", "convolution"),
    "attention, MAF MoG": ("maf_mog", "attention"),
}
HEAD = (
    "model",
    "test",
    "validation",
    "CRPS-sum 1 / 10 / 60",
    "energy 1 / 10 / 60",
    "80 % covers",
    "stuck",
    "shift",
    "alarms",
    "training",
    "500 paths of 60",
)
IID, VAR, LAST = "MAF without time", "vector autoregression", "last value"


@dataclasses.dataclass(frozen=True)
class Data:
    """A real series: its table, number of steps of the past, and column that breaks."""

    table: TimeTable
    past: int
    broken: str

    def stretches(self, name: str) -> list[Stretch]:
        return [part.stretch for part in parts_of(self.table, name, past=self.past)]


def read(name: str, folder: Path, *, past: int) -> Data:
    """POWER's minutes in their own order, Air Quality's five sensors, or a table of Lai et al."""
    if name == "power":
        table = load(
            folder / "power" / "household_power_consumption.txt",
            time=["Date", "Time"],
            drop=["Global_intensity", "Global_reactive_power"],
        )
        return Data(table, past, "Voltage")
    if name in LAI:
        table = LAI[name](folder / name)
        return Data(table, past, table.columns.modelled[0])
    path = folder / "air_quality" / "AirQualityUCI.csv"
    table = load(path, time=["Date", "Time"], reading=Reading(na=("-200",), columns=tuple(SENSORS)))
    return Data(table, past, SENSORS[2])


class Model:
    """What is compared: log-likelihoods and noise of steps, and paths where there are any."""

    def __init__(
        self,
        score: Callable[[Stretch], np.ndarray],
        noise: Callable[[Stretch], np.ndarray],
        draw: Any = None,
        **facts: Any,
    ):
        self.score, self.noise, self.draw, self.facts = score, noise, draw, facts

    def scored(self, stretch: Stretch) -> Scored:
        return Scored(self.score(stretch), self.noise(stretch))

    def log_prob(self, stretches: list[Stretch]) -> np.ndarray:
        return np.concatenate([self.score(stretch) for stretch in stretches])


def without_time(data: Data, budget: float, epochs: int) -> Model:
    """The MAF(5) of today, given the calendar only."""
    import tfp_maf

    def rows(stretches: list[Stretch]) -> tuple[np.ndarray, np.ndarray | None]:
        x, known = (
            np.concatenate([getattr(s, name)[s.first :] for s in stretches])
            for name in ("x", "known")
        )
        return x, known if known.shape[1] else None

    parts = [rows(data.stretches(name)) for name in ("train", "validation")]
    whole = [np.isfinite(x).all(axis=1) for x, _ in parts]
    (x, c), (v, d) = (
        (x[kept], None if c is None else c[kept]) for (x, c), kept in zip(parts, whole, strict=True)
    )
    size = 0 if c is None else c.shape[1]
    flow = tfp_maf.build_maf(x.shape[1], num_layers=5, condition_size=size, batch_norm=False)
    history = tfp_maf.fit(
        flow, x, v, train_condition=c, validation_condition=d, learning_rate=1e-3, clip_norm=5,
        batch_size=500, patience=15, halve_after=5, max_epochs=epochs, max_seconds=budget,
        progress=False,
    )  # fmt: skip

    def of_rows(stretch: Stretch, function: Any) -> np.ndarray:
        x, condition = rows([stretch])
        kept = np.isfinite(x).all(axis=1)
        found = function(x[kept], None if condition is None else condition[kept]).numpy()
        whole = np.full([len(x), *found.shape[1:]], np.nan)
        whole[kept] = found
        return whole

    return Model(
        lambda stretch: of_rows(stretch, flow.log_prob),
        lambda stretch: of_rows(stretch, flow.noise),
        epochs=history.epochs,
        stopped=history.stopped,
    )


def autoregression(data: Data) -> Model:
    """VAR with a full covariance, the order by validation."""
    model = VectorAutoregression.of_best_order(
        data.stretches("train"), data.stretches("validation")
    )

    def draw(origins: Origins, steps: int, paths: int) -> np.ndarray:
        return model.sample_paths(origins.pasts, origins.known, steps=steps, paths=paths, seed=SEED)

    return Model(model.step_log_prob, model.noise, draw, order=model.order)


def network(data: Data, name: str, folder: Path, budget: float, epochs: int) -> Model:
    """A flow over time, or a Gaussian whose mean and variances are a network's."""
    from tfp_maf.time_series.flow import TimeFlow
    from tfp_maf.time_series.sampling import sample_paths

    facts = folder / "facts.json"
    if facts.is_file():  # trained already
        model = TimeFlow.load(folder)
    else:
        model, history, seconds = trained(data, name, budget, epochs)
        model.save(folder)
        described = {"epochs": history.epochs, "best_epoch": history.best_epoch}
        write_json(facts, {"train_seconds": seconds, **described, "stopped": history.stopped})

    def draw(origins: Origins, steps: int, paths: int) -> np.ndarray:
        known = origins.known[:, : origins.pasts.shape[1] + steps]
        return sample_paths(model, origins.pasts, steps=steps, paths=paths, known=known, seed=SEED)

    return Model(
        lambda s: model.step_log_prob(s.x, s.known, first=s.first),
        lambda s: model.step_noise(s.x, s.known, first=s.first),
        draw,
        **json.loads(facts.read_text()),
    )


def trained(data: Data, name: str, budget: float, epochs: int) -> tuple[Any, Any, float]:
    """A model of :data:`NETWORKS`, its history, and seconds of training."""
    from tfp_maf.time_series.flow import TimeFlow

    conditional, encoder = NETWORKS[name]
    train = data.stretches("train")
    model = TimeFlow(
        len(data.table.columns.modelled),
        past=data.past,
        known_size=train[0].known.shape[1],
        conditional=conditional,
        encoder=encoder,
        seed=SEED,
    )
    began = time.perf_counter()
    history = model.fit(
        train, data.stretches("validation"), max_seconds=budget, max_epochs=epochs, progress=False
    )
    return model, history, time.perf_counter() - began


def broken(data: Data, stretch: Stretch, kind: str, at: int) -> Stretch:
    """The stretch with a break of ``past`` steps that begins at a step: stuck, or shifted."""
    place = data.table.columns.modelled.index(data.broken)
    x, end = stretch.x.copy(), at + data.past
    if kind == "stuck":  # at the last value recorded; the noise of recording stays
        recorded = data.table.columns.rounded(x)[:, place]
        x[at:end, place] += recorded[at - 1] - recorded[at:end]
    else:
        spread = np.nanstd(
            np.concatenate([s.x[s.first :] for s in data.stretches("train")]), axis=0
        )
        x[at:end, place] += spread[place]
    return Stretch(x[:end], stretch.known[:end], at)


def break_places(data: Data, stretch: Stretch) -> np.ndarray:
    """First steps of the breaks: evenly spaced over the test part, all values there."""
    whole = np.isfinite(stretch.x).all(axis=1)
    ahead = np.lib.stride_tricks.sliding_window_view(whole, data.past).all(axis=1)
    places = np.flatnonzero(ahead)
    places = places[(places >= stretch.first + 1) & whole[places - 1]]
    return places[:: max(1, len(places) // BREAKS)][:BREAKS]


def detected(data: Data, model: Model) -> dict[str, Any]:
    """How many breaks are found in the window that ends with them, at 1 % false alarms."""
    held_out = [model.scored(stretch) for stretch in data.stretches("validation")]
    thresholds = Thresholds.of(held_out, width=data.past, false_alarms=0.01)
    test = max(data.stretches("test"), key=lambda stretch: len(stretch.x))
    found: dict[str, Any] = {}
    for kind in ("stuck", "shift"):
        flags = []
        for at in break_places(data, test):
            scored = model.scored(broken(data, test, kind, int(at)))
            flags.append(bool(thresholds.flags(scored)[1][-1]))
        found[kind] = {"found": int(sum(flags)), "of": len(flags)}
    clean = model.scored(test)
    alarms = thresholds.flags(clean)[1][np.isfinite(thresholds.distances(clean))]
    return found | {"alarms_without": float(alarms.mean())}


def forecasts(data: Data, draw: Any, horizons: tuple[int, ...], most: int) -> dict[str, Any]:
    """Scores of forecasts of the test part, at single horizons."""
    origins = origins_of(data.table, "test", past=data.past, steps=max(horizons), most=most)
    paths = data.table.columns.rounded(draw(origins, max(horizons), PATHS))
    spread = np.nanstd(np.concatenate([s.x[s.first :] for s in data.stretches("train")]), axis=0)
    energy, inside = (
        energy_score(paths, origins.truth, scale=spread),
        coverage(paths, origins.truth),
    )
    return {
        str(steps): {
            "crps_sum": crps_sum(
                paths[:, :, steps - 1 : steps], origins.truth[:, steps - 1 : steps]
            ),
            "energy_score": float(energy[steps - 1]),
            "coverage_80": float(inside[steps - 1]),
        }
        for steps in horizons
    } | {"origins": len(origins.pasts)}


def measured(data: Data, model: Model, seconds: float, *, most: int) -> dict[str, Any]:
    """Everything that is reported of a model."""
    result: dict[str, Any] = {"train_seconds": seconds} | model.facts
    for part in ("validation", "test"):
        found = model.log_prob(data.stretches(part))
        found = found[np.isfinite(found)]
        result[part] = {"nats_per_step": float(found.mean()), "steps": len(found)}
    result["breaks"] = detected(data, model)
    if model.draw is None:
        return result
    result["forecasts"] = forecasts(data, model.draw, HORIZONS, most)
    one = origins_of(data.table, "test", past=data.past, steps=60, most=1)
    model.draw(one, 2, TIMED_PATHS)  # compile
    began = time.perf_counter()
    model.draw(one, 60, TIMED_PATHS)
    return result | {"seconds_of_500_paths_of_60_steps": time.perf_counter() - began}


def compare(
    name: str, data: Data, runs: Path, *, budget: float, epochs: int, models: list[str], most: int
) -> Iterator[dict[str, Any]]:
    """Results of all models so far on a series; those that are there are not computed again."""
    results: dict[str, Any] = {}
    for model_name in models:
        file = runs / name / f"{model_name.replace(', ', '_').replace(' ', '_')}.json"
        if file.is_file():
            results[model_name] = json.loads(file.read_text())
            yield results
            continue
        began = time.perf_counter()
        file.parent.mkdir(parents=True, exist_ok=True)
        if model_name == LAST:

            def draw(origins: Origins, steps: int, paths: int) -> np.ndarray:
                shown = data.table.columns.rounded(origins.pasts)
                return np.repeat(last_value(shown, steps=steps), paths, axis=1)

            results[model_name] = {"forecasts": forecasts(data, draw, HORIZONS, most)}
        else:
            if model_name == IID:
                model = without_time(data, budget, epochs)
            elif model_name == VAR:
                model = autoregression(data)
            else:
                model = network(data, model_name, file.with_suffix(""), budget, epochs)
            seconds = time.perf_counter() - began
            results[model_name] = measured(data, model, seconds, most=most)
        write_json(file, results[model_name])
        nats = results[model_name].get("test", {}).get("nats_per_step")
        print(
            f"{name}, {model_name}: {nats} nats a step, {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        yield results


def cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def page(results: dict[str, Any]) -> str:
    """The Markdown page."""
    lines = [
        "# Series over time",
        "",
        "One command: `python tests/benchmarks/time_series.py --data DATA`. Nats per step, the "
        "columns in their own units, noise of one recording step added to rounded values; the "
        "split is by time. Forecasts: CRPS-sum as gluonts computes it, energy score in units of "
        "the columns' deviations (both: less is better), at 1, 10 and 60 steps. Breaks: how many "
        "of the injected ones the window that ends with them shows, at 1 % false alarms set on "
        "validation; beside them the share of alarms in the test part without breaks.",
        "",
    ]
    for name, series in results["series"].items():
        about = series["about"]
        lines += [f"## {name}", "", about, ""]
        lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        for model, found in series["models"].items():
            ahead = found.get("forecasts", {})

            def at(measure: str, digits: int, ahead: Any = ahead) -> str:
                return " / ".join(
                    cell(ahead[str(h)][measure], digits) for h in HORIZONS if str(h) in ahead
                )

            breaks = found.get("breaks", {})
            seconds = found.get("seconds_of_500_paths_of_60_steps")
            row = [
                model,
                cell(found.get("test", {}).get("nats_per_step"), 3),
                cell(found.get("validation", {}).get("nats_per_step"), 3),
                at("crps_sum", 4),
                at("energy_score", 3),
                at("coverage_80", 2),
                *(
                    f"{breaks[k]['found']} of {breaks[k]['of']}" if k in breaks else ""
                    for k in ("stuck", "shift")
                ),
                cell(breaks.get("alarms_without"), 3),
                f"{found['train_seconds']:.0f} s" if "train_seconds" in found else "",
                "" if seconds is None else f"{seconds:.1f} s",
            ]
            lines.append("| " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/time"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--budget", type=float, default=240.0, help="seconds of training per model")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--past", type=int, default=60)
    parser.add_argument("--origins", type=int, default=60)
    parser.add_argument("--models", help="names, separated by semicolons", default=None)
    parser.add_argument("--series", default="power,air_quality")
    options = parser.parse_args(arguments)
    models = options.models.split(";") if options.models else [LAST, VAR, *NETWORKS, IID]
    path = options.out / "time.json"
    kept = json.loads(path.read_text())["series"] if path.exists() else {}
    results: dict[str, Any] = {"versions": versions(), "budget": options.budget, "series": kept}
    for name in options.series.split(","):
        data = read(name, options.data, past=options.past)
        counts = " / ".join(f"{data.table.count(part):,}" for part in PARTS)
        about = (
            f"{', '.join(data.table.columns.modelled)}; "
            f"a step of {data.table.columns.axis.step_text}, a past of {data.past}; "
            f"{counts} rows to train, validate and test; "
            f"breaks in {data.broken}."
        )
        for found in compare(
            name, data, options.runs, budget=options.budget, epochs=options.epochs, models=models,
            most=options.origins,
        ):  # fmt: skip
            before = kept.get(name, {}).get("models", {})
            results["series"][name] = {"about": about, "models": before | found}
            options.out.mkdir(parents=True, exist_ok=True)
            write_json(path, results)
            with replaced_when_whole(options.out / "time.md") as file:
                file.write(page(results))


if __name__ == "__main__":
    main()
