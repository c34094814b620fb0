"""The 1,797 digits of 8 x 8 pixels and 17 levels that scikit-learn brings along.

Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", UCI, CC BY 4.0; the part of
the data set in ``sklearn.datasets.load_digits``. They need no download.
"""

from __future__ import annotations

import numpy as np

from tfp_maf.data_prep.levels import LevelSpace, image_splits
from tfp_maf.data_prep.splits import Labels, Splits

SPACE = LevelSpace(shape=(8, 8), levels=17)
SHUFFLE_SEED = 0  # the file is in the order of its writers


def load(folder: object = None) -> Splits:
    """Load the digits as rows of 64 levels, 0 to 16, with labels.

    Args:
        folder: Not looked at; the digits are part of scikit-learn.

    Returns:
        1,398 / 199 / 200 rows in a fixed random order.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(images))
    places = np.split(order, [len(order) - 399, len(order) - 200])
    train, validation, test = (labels[place].astype(np.int64) for place in places)
    return image_splits(
        [images[place] for place in places],
        Labels(train, validation, test, count=10),
        space=SPACE,
        source="sklearn.datasets",
    )
