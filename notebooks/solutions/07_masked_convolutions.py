"""Solutions to the exercises of 07_masked_convolutions. In the folder of the notebooks:

    python -m solutions.07_masked_convolutions

They train two Gated PixelCNNs on scikit-learn's digits. Paste a part into the notebook to see its
pictures.
"""

import itertools

import numpy as np
import tensorflow as tf
from settings import SIZE

import tfp_maf
from tfp_maf.data_prep import digits
from tfp_maf.distributions.mixture import pick
from tfp_maf.evaluation.receptive_field import receptive_field
from tfp_maf.networks.drawing import draw
from tfp_maf.networks.masked_conv import MaskedConvolution, convolution_mask

splits = digits.load()
training = {
    "learning_rate": 5e-3,
    "max_epochs": SIZE.digits_epochs,
    "batch_size": 50,
    "progress": False,
}
logistic = {"levels": 17, "pixels": "logistic", "components": 5}
gated = {"gated": True, "num_layers": 3, "features": SIZE.digits_features} | logistic

# 1. It moves out of the first kernel's reach, and no further: what is hidden starts where that
# ends. It is gone when the first kernel sees all rows above and the whole width, 2 W - 1 columns,
# as that of build_patch_made does. All three kernels here see nine rows up, so that only the width
# differs; 29 columns cost four times the weights of seven.
is_before = np.arange(11 * 15).reshape(11, 15) < 9 * 15 + 4
for width in (7, 15, 29):
    stack = tfp_maf.build_pixelcnn((11, 15), levels=17, num_layers=2, features=16)
    mask = convolution_mask((2 * 9 + 1, width), 1, 16, mask_type="A")
    rng = np.random.default_rng(0)
    stack.network.first = MaskedConvolution(mask, rng=rng, dtype="float32")
    unseen = is_before & (receptive_field(stack.network, 9, 4) == 0)
    print(f"1. a first kernel of {width} columns: {unseen.sum()} of {is_before.sum()} unseen")

# 2. The upper half comes first: it is drawn before the lower half is seen, and p(upper | lower)
# is not among the model's conditionals. A model of images upside down has it: their upper half,
# what was the lower one, comes first. So one trains a second model, or one with orders drawn anew.
upside_down = {
    part: getattr(splits, part).reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64)
    for part in ("train", "validation", "test")
}
model = tfp_maf.build_pixelcnn((8, 8), **gated)
tfp_maf.fit(model, upside_down["train"], upside_down["validation"], **training)
known = tf.constant(upside_down["test"][:20].reshape(20, 8, 8), tf.float32)
chosen = tf.random.stateless_uniform([20, 8, 8], [1, 2])
levels = tf.range(17.0)


def choose(outputs, site, value, row, column):
    logits = model.network.pixels.log_probabilities(outputs[:, 0], site, 0)
    new = pick(chosen[:, row, column], logits, levels, axis=-1)
    return tf.where(row < 4, known[:, row, column], new)


@tf.function(jit_compile=True)
def completed():
    return draw(model.network, choose, 20, None, dtype=tf.float32)


drawn = completed().numpy().reshape(20, 8, 8)[:, ::-1]
kept = (drawn[:, 4:] == splits.test[:20].reshape(20, 8, 8)[:, 4:]).all()
own = splits.test[:20].reshape(20, 8, 8)[:, :4]
error = np.abs(drawn[:, :4] - own).mean()
shuffled = np.abs(own[np.random.default_rng(0).permutation(20)] - own).mean()
print(f"2. lower halves kept: {kept}; upper ones differ by {error:.1f} levels a pixel from the")
print(f"   digit's own, those of other digits by {shuffled:.1f}")

# 3. The label's likelihood is p(x | label), its probability that times the prior, over the sum.
by_label = tfp_maf.build_pixelcnn((8, 8), num_labels=10, **gated)
tfp_maf.fit(
    by_label,
    splits.train,
    splits.validation,
    train_condition=splits.labels.train,
    validation_condition=splits.labels.validation,
    **training,
)
scores = np.stack([by_label.log_prob(splits.test, digit).numpy() for digit in range(10)])
right = (scores.argmax(axis=0) == splits.labels.test).mean()
given = by_label.log_prob(splits.test, splits.labels.test).numpy().mean()
print(f"3. {right:.1%} of {len(splits.test)} right; {given:.1f} nats given the digit")

# 4. Each pixel now sees itself, so that the product of the conditionals is no probability: over all
# images of two black or white pixels it does not sum to one, though every factor looks like one.
for mask_type in ("A", "B"):
    tiny = tfp_maf.build_pixelcnn((1, 2), levels=2, num_layers=1, features=8, seed=1)
    mask = convolution_mask((7, 7), 1, 8, mask_type=mask_type)
    tiny.network.first = MaskedConvolution(mask, rng=np.random.default_rng(0), dtype="float32")
    for variable in tiny.network.trainable_variables:
        noise = np.random.default_rng(1).normal(scale=0.3, size=variable.shape)
        variable.assign_add(tf.constant(noise, tf.float32))
    images = np.array(list(itertools.product([0, 1], repeat=2)), np.float32)
    total = np.exp(tiny.log_prob(images).numpy().astype(float)).sum()
    print(f"4. first mask {mask_type}: the probabilities of all images sum to {total:.3f}")
