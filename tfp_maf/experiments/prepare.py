"""What ``tfp-maf train`` does before TensorFlow is imported: open the run's folder, load the rows.

Importing TensorFlow takes seconds, and what is wrong with a file should be said at once.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfp_maf.data_prep.reading.raw_files import STDIN
from tfp_maf.data_prep.splits import Splits
from tfp_maf.experiments.datasets import find_experiment, load_splits
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.settings import Experiment
from tfp_maf.experiments.table_options import TableOptions
from tfp_maf.utils.console import say, shows


@dataclass(frozen=True)
class Prepared:
    """Folder of a run, and the rows to train on."""

    run: Run
    splits: Splits


@dataclass(frozen=True)
class Job:
    """What is to be trained, and where.

    Attributes:
        experiment: the settings, with the user's.
        data: raw file of a named experiment, or its folder; path of a table.
        folder: folder of the run.
        options: what the user says about a table.
        resume: whether to resume the interrupted run in the folder.
        distribute: whether to train with the other workers listed in ``TF_CONFIG``.
        seed: seed of weights, shuffles and of a table's split.
        prepared: the run and its rows, once they are there.
        note: what is to be said of the choice of models.
    """

    experiment: Experiment
    data: str | None
    folder: Path
    options: TableOptions
    resume: bool = False
    distribute: bool = False
    seed: int = 0
    prepared: Prepared | None = None
    note: str = ""

    @classmethod
    def of(
        cls,
        target: str,
        *,
        data: str | None,
        out: str | None,
        recipe: str | None,
        models: Sequence[str],
        overrides: Mapping[str, Any],
        options: TableOptions,
        resume: bool,
        distribute: bool,
        seed: int,
    ) -> Job:
        """Return the job of a command line.

        Args:
            target: name of an experiment, or path of a table.
            data, options, resume, distribute, seed: see :class:`Job`.
            out: folder of the run; ``runs/`` and the target's name by default.
            recipe: ``"post"`` for gas prepared and trained on as in the blog post.
            models: densities to try; those that suit the table by default.
            overrides: fields of :class:`Experiment` to replace.

        Raises:
            ValueError: the target is unknown, or an option does not go with it.
        """
        experiment, note = find_experiment(target, recipe=recipe), ""
        if experiment.name == "table":
            if data is not None:
                raise ValueError(
                    "--data is for named experiments only; give just the path of a table"
                )
            data = target
            names, note = _models(models, overrides, distribute)
            experiment = dataclasses.replace(experiment, models=names)
        elif models:
            raise ValueError(f"--model is for tables only; {target} trains the paper's MAF")
        experiment = dataclasses.replace(experiment, **overrides, changed=tuple(overrides))
        folder = Path(out or Path("runs") / ("stdin" if target == STDIN else Path(target).stem))
        return cls(experiment, data, folder, options, resume, distribute, seed, note=note)


def _models(
    models: Sequence[str], overrides: Mapping[str, Any], distribute: bool
) -> tuple[tuple[str, ...], str]:
    """Return the names of the densities to try, and what is to be said of this choice.

    No names stand for those that suit the table.
    """
    if not models and ("num_layers" in overrides or distribute):
        option = "--num-layers" if "num_layers" in overrides else "--distribute"
        return ("maf",), f"{option}: training a MAF only; name others with --model"
    return tuple(models), ""


def prepare(job: Job, *, is_first: bool = True) -> Prepared:
    """Create or open the folder of the run, and load the rows.

    Args:
        job: what is to be trained.
        is_first: whether this is the worker that writes the run.

    Raises:
        OSError: the folder or the data can't be used.
        ValueError: the data are invalid.
    """
    if is_first:
        run = Run.resume(job.folder) if job.resume else Run.create(job.folder)
    else:
        run = Run(job.folder)
    with cleared_up(run, is_first=is_first):
        if job.note:
            say(job.note)
        splits = load_splits(
            job.experiment.name,
            job.data,
            options=job.options,
            recipe=job.experiment.recipe,
            seed=job.seed,
            progress=shows(),
        )
        if splits.simulated:
            say("no data/ethylene_CO.txt: training on a simulated stand-in for the gas data")
        return Prepared(run, splits)


@contextmanager
def cleared_up(run: Run, *, is_first: bool) -> Iterator[None]:
    """Remove the folder of a run that fails before anything is trained."""
    try:
        yield
    except BaseException as error:
        if not is_first:
            raise
        if not run.has_checkpoint:  # no training to lose
            shutil.rmtree(run.folder)
        elif isinstance(error, OSError) and "--resume" not in str(error):
            raise OSError(f"{error}; --resume continues from the last checkpoint") from error
        raise
