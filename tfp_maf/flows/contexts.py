"""Contexts that change how a flow must be called: checked numerics, Keras 3 layers."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def checks_numerics() -> bool:
    """Return whether ``tf.debugging.enable_check_numerics`` is on; XLA can't compile its checks.

    TensorFlow has no public way to ask.
    """
    module = sys.modules.get("tensorflow.python.debug.lib.check_numerics_callback")
    state = getattr(module, "_state", None)
    return getattr(state, "check_numerics_callback", None) is not None


def warn_in_keras_3(flow: Any) -> None:
    """Warn if a Keras 3 layer calls the flow: such a layer does not track its variables."""
    state = sys.modules.get("keras.src.backend.common.global_state")
    context = state.get_global_attribute("current_call_ctx") if state else None
    layer = getattr(context, "entry_layer", None)
    if layer is None or not flow.trainable_variables:
        return
    seen = {id(v) for v in getattr(layer, "trainable_variables", [])}
    seen |= {id(getattr(v, "value", None)) for v in getattr(layer, "trainable_variables", [])}
    if id(flow.trainable_variables[0]) not in seen:
        warnings.warn(
            f"the Keras 3 layer {layer.name!r} does not track the flow's variables and will not "
            f"train them: use a tf_keras layer, as TensorFlow Probability does",
            stacklevel=4,
        )
