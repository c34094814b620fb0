"""Masked autoregressive flows in TensorFlow Probability that really work.

Names are imported when first used: TensorFlow takes seconds to load, and
``tfp-maf --help`` needs none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfp_maf.utils.garbage import paused_collector

if TYPE_CHECKING:
    from tfp_maf.bijectors.batch_norm import BatchNormalization
    from tfp_maf.bijectors.support import Support
    from tfp_maf.estimators.anomaly import AnomalyDetector
    from tfp_maf.estimators.sequence import SequenceFlow
    from tfp_maf.evaluation.likelihood import Evaluation, evaluate
    from tfp_maf.flows.flow import Flow
    from tfp_maf.flows.gaussian import build_gaussian, fit_gaussian
    from tfp_maf.flows.image_attention import build_image_transformer, build_pixelsnail
    from tfp_maf.flows.images import ImageModel
    from tfp_maf.flows.loading import load_flow
    from tfp_maf.flows.maf import (
        build_made,
        build_made_mog,
        build_maf,
        build_maf_mog,
    )
    from tfp_maf.flows.nsf import build_nsf
    from tfp_maf.flows.pixelcnn import build_patch_made, build_pixelcnn, build_pixelcnn_pp
    from tfp_maf.flows.realnvp import build_realnvp
    from tfp_maf.flows.tarflow import build_tarflow
    from tfp_maf.time_series.flow import TimeFlow
    from tfp_maf.time_series.sampling import sample_paths
    from tfp_maf.training.batch_statistics import set_batch_statistics
    from tfp_maf.training.history import History
    from tfp_maf.training.loop import TrainingDiverged, fit

__version__ = "0.1.0"

_HOME = {
    "AnomalyDetector": "estimators.anomaly",
    "BatchNormalization": "bijectors.batch_norm",
    "Evaluation": "evaluation.likelihood",
    "Flow": "flows.flow",
    "History": "training.history",
    "ImageModel": "flows.images",
    "SequenceFlow": "estimators.sequence",
    "Support": "bijectors.support",
    "TimeFlow": "time_series.flow",
    "TrainingDiverged": "training.loop",
    "build_gaussian": "flows.gaussian",
    "build_image_transformer": "flows.image_attention",
    "build_made": "flows.maf",
    "build_made_mog": "flows.maf",
    "build_maf": "flows.maf",
    "build_maf_mog": "flows.maf",
    "build_nsf": "flows.nsf",
    "build_patch_made": "flows.pixelcnn",
    "build_pixelcnn": "flows.pixelcnn",
    "build_pixelcnn_pp": "flows.pixelcnn",
    "build_pixelsnail": "flows.image_attention",
    "build_realnvp": "flows.realnvp",
    "build_tarflow": "flows.tarflow",
    "evaluate": "evaluation.likelihood",
    "fit": "training.loop",
    "fit_gaussian": "flows.gaussian",
    "load_flow": "flows.loading",
    "sample_paths": "time_series.sampling",
    "set_batch_statistics": "training.batch_statistics",
}

__all__ = [
    "AnomalyDetector",
    "BatchNormalization",
    "Evaluation",
    "Flow",
    "History",
    "ImageModel",
    "SequenceFlow",
    "Support",
    "TimeFlow",
    "TrainingDiverged",
    "build_gaussian",
    "build_image_transformer",
    "build_made",
    "build_made_mog",
    "build_maf",
    "build_maf_mog",
    "build_nsf",
    "build_patch_made",
    "build_pixelcnn",
    "build_pixelcnn_pp",
    "build_pixelsnail",
    "build_realnvp",
    "build_tarflow",
    "evaluate",
    "fit",
    "fit_gaussian",
    "load_flow",
    "sample_paths",
    "set_batch_statistics",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        with paused_collector():
            module = importlib.import_module(f"tfp_maf.{_HOME[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'tfp_maf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
