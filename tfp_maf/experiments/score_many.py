"""Scoring tables that fit neither memory nor machine: a part at a time, on Dask.

Each part, some rows of one file, is read, scored and written for itself, by a thread here or by a
worker of a cluster; nothing of it stays in memory. Parts already written are not done again.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from data_prep import table, text_files
from data_prep.files import make_folder, replaced_when_whole, write_json
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.score import finite_log_prob, standardised
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.utils.console import say, shows

MANIFEST = "_scores.json"  # readers of a folder of Parquet files skip names like it
CONNECT = 10  # seconds to wait for a scheduler
_loading = threading.Lock()


def score_many(folder: str, sources: Sequence[str], output: str, *, cluster: str | None) -> int:
    """Writes ``log p(x)``, in the user's units, of every row of files, in order, as Parquet files.

    Interrupted, the same call goes on with the parts that are not there.

    Args:
        folder: of the run; a cluster's workers must see it, the files and the output by these
            names.
        sources: ``.parquet``, ``.csv`` or ``.tsv`` files that have the run's columns.
        output: a folder; it gets ``part-00000.parquet``, ... with a column ``log_prob``.
        cluster: a scheduler's address, ``tcp://HOST:8786``; threads of this process by default.

    Raises:
        OSError: a file is missing, the folder can't be written, or no scheduler answers.
        ValueError: another kind of file, or rows that have no density; names file and part.
    """
    from dask import delayed

    run = Run.open(folder)
    parts = [part for source in sources for part in _parts(Path(source), run)]
    target = make_folder(output, option="-o")
    _claim(target, {"run": run.config, "sources": [_identity(s) for s in sources]})
    paths = [target / f"part-{number:05}.parquet" for number in range(len(parts))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if len(missing) < len(parts):
        say(f"{len(parts) - len(missing)} of {len(parts)} parts are there already")
    with _client(cluster) as client:
        score = delayed(_score_part)
        jobs = client.compute(
            [score(*parts[n], str(run.folder.resolve()), str(paths[n].resolve())) for n in missing]
        )
        _wait_for(jobs, [parts[n][1] for n in missing])
    say(f"{len(parts)} parts of {len(sources)} files scored, written to {output}")
    return 0


def _parts(source: Path, run: Run) -> list[tuple[Any, str]]:
    """A file's parts, to be read by who scores them, and what they are called."""
    import dask.dataframe as dd

    text_files.require_file(source)
    if source.suffix == ".parquet":
        frame = dd.read_parquet(str(source), index=False, split_row_groups="adaptive")
    elif source.suffix in table.SEPARATORS:
        # As text: what is no number is named with its row then.
        options = {"sep": table.SEPARATORS[source.suffix], "dtype": str, "skip_blank_lines": False}
        frame = dd.read_csv(str(source), **options)
    else:
        raise ValueError(f"{source}: give .parquet, .csv or .tsv files where there are several")
    columns = table.wanted(
        frame.columns, run.scaler.columns, source, left_out=run.config["left_out"]
    )
    delayed = frame[columns].to_delayed()
    return [(part, f"{source}, part {n} of {len(delayed)}") for n, part in enumerate(delayed, 1)]


def _identity(source: str) -> list[Any]:
    """By which a file is known again."""
    status = Path(source).stat()
    return [str(Path(source).resolve()), status.st_size, status.st_mtime_ns]


def _claim(target: Path, manifest: dict[str, Any]) -> None:
    """Notes what is scored into a folder.

    Raises:
        ValueError: other things are.
    """
    path = target / MANIFEST
    if path.exists() or any(target.iterdir()):
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError):
            before = None
        if before != json.loads(json.dumps(manifest)):
            raise ValueError(f"-o {target} holds something else; give another folder, or remove it")
    else:
        write_json(path, manifest)


def _client(cluster: str | None) -> Any:
    """Of a cluster's scheduler, or of threads here."""
    from dask.distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is raised here
    if cluster is None:
        return Client(processes=False, dashboard_address=None)
    try:
        return Client(cluster, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise OSError(f"--cluster {cluster}: no scheduler answers ({error})") from None


def _wait_for(jobs: list[Any], names: list[str]) -> None:
    from dask.distributed import KilledWorker, as_completed

    name_of = dict(zip((job.key for job in jobs), names, strict=True))
    bar = tqdm(total=len(jobs), unit="part", disable=not shows())
    with bar:
        for job in as_completed(jobs):
            try:
                job.result()
            except (ValueError, OSError):
                raise
            except KilledWorker:
                raise OSError(f"{name_of[job.key]}: every worker that took it died") from None
            except Exception as error:  # the reading libraries' own kinds
                raise ValueError(f"{name_of[job.key]}: {error}") from None
            bar.update()


def _score_part(part: pd.DataFrame, name: str, folder: str, path: str) -> None:
    """Run by the workers; a part done twice, after a failure, is written over by its equal."""
    run, flow = _loaded(folder)
    rows = text_files.numbers(part.reset_index(drop=True), Path(name))
    z = standardised(run, rows, name)
    values = finite_log_prob(flow, z, name) + run.scaler.log_det if len(z) else np.empty(0)
    with replaced_when_whole(Path(path), binary=True) as file:
        pd.DataFrame({"log_prob": values}).to_parquet(file, index=False)


def _loaded(folder: str) -> tuple[Run, Flow]:
    with _loading:  # once a process, not once a thread
        return _load(folder)


@lru_cache(maxsize=1)
def _load(folder: str) -> tuple[Run, Flow]:
    run = Run.open(folder)
    return run, load_flow(folder, scaler=run.scaler)
