"""TensorBoard logs of a training run: scalars each epoch, a figure of samples every 20th."""

from __future__ import annotations

import io
from pathlib import Path

import tensorflow as tf
from matplotlib.figure import Figure

from tfp_maf.data_prep.splits import Splits
from tfp_maf.flows.flow import Flow
from tfp_maf.plotting import figures
from tfp_maf.training.history import History

FIGURE_EVERY = 20  # epochs


class Watcher:
    """Writer of TensorBoard event files, read by ``tensorboard --logdir FOLDER``.

    Args:
        folder: folder to write the event files to.
        flow: the flow in training.
        splits: its data; samples are drawn over the validation rows.
    """

    def __init__(self, folder: str | Path, flow: Flow, *, splits: Splits):
        self.writer = tf.summary.create_file_writer(str(folder))
        self.flow, self.splits = flow, splits

    def __call__(self, history: History) -> None:
        """Log an epoch; to be passed to :func:`tfp_maf.fit` as ``on_epoch``."""
        epoch = history.epochs
        with self.writer.as_default(step=epoch):
            tf.summary.scalar("log-likelihood/train", history.train[-1])
            tf.summary.scalar("log-likelihood/validation", history.validation[-1])
            tf.summary.scalar("log-likelihood/best", history.best_validation)
            tf.summary.scalar("seconds", history.seconds[-1])
            if self._is_drawn and (epoch == 1 or epoch % FIGURE_EVERY == 0):
                tf.summary.image("samples", _picture(self._samples()))
        self.writer.flush()

    @property
    def _is_drawn(self) -> bool:
        """Whether the flow's columns are all of the table's numbers."""
        size = self.flow.event_size
        return not self.flow.conditioning.size and size == len(self.splits.scaler.columns)

    def _samples(self) -> Figure:
        scaler = self.splits.scaler
        samples = self.flow.sample(figures.MOST_POINTS, seed=0).numpy()
        return figures.plot_pairs(
            scaler.unstandardise(self.splits.validation),
            scaler.unstandardise(samples),
            columns=scaler.labels,
        )


def _picture(figure: Figure) -> tf.Tensor:
    """Convert a figure to a uint8 image ``[1, height, width, 3]``."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return tf.image.decode_png(buffer.getvalue(), channels=3)[None]
