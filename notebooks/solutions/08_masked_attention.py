"""Solutions to the exercises of 08_masked_attention. In the folder of the notebooks:

    python -m solutions.08_masked_attention

They train a conditional TarFlow and an Image Transformer on scikit-learn's digits. Paste a part
into the notebook to see its pictures.
"""

import numpy as np
import tensorflow as tf
from settings import SIZE

import tfp_maf
from tfp_maf.data_prep import digits
from tfp_maf.flows.guidance import denoised, drop_labels, guided_sample
from tfp_maf.flows.image_attention import build_image_transformer

splits = digits.load()
ANY, ALPHA = 10, 0.01
blocks, layers, width = SIZE.tarflow_network
options = {
    "batch_size": 50,
    "clip_norm": 1.0,
    "learning_rate": 3e-3,
    "max_epochs": SIZE.tarflow_epochs,
    "halve_after": 8,
    "progress": False,
}


def to_logits(levels, rng):
    y = ALPHA + (1 - 2 * ALPHA) * (levels + rng.random(levels.shape)) / 17
    return np.log(y / (1 - y)).astype(np.float32)


rng = np.random.default_rng(0)
rows = {part: to_logits(getattr(splits, part), rng) for part in ("train", "validation", "test")}

# 1. The Jacobian of noise by data is full, but for the column of the last patch, which is no input
# of the network: a patch's shift depends on the patch itself and on those after it. Its determinant
# is then not the product of the diagonal, exp(-sum log_scale), which log_prob takes it for:
# exp(log_prob) no longer integrates to one.
block = tfp_maf.build_tarflow((2, 2), patch=1, num_blocks=1, layers=1, width=8, heads=2, seed=1)
for variable in block.trainable_variables:
    variable.assign_add(rng.normal(size=variable.shape, scale=0.3))
x = tf.constant(rng.normal(size=[1, 4]), tf.float32)
network = block.bijectors[1].network.network
for title in ("causal", "sees everything"):
    with tf.GradientTape() as tape:
        tape.watch(x)
        u, log_det = block.bijectors[1].inverse_and_log_det(x)
    jacobian = tape.jacobian(u, x).numpy()[0, :, 0]
    slogdet = np.linalg.slogdet(jacobian)[1]
    print(f"1. {title}: log-determinant {float(log_det[0]):.3f}, of the Jacobian {slogdet:.3f}")
    for layer in network.layers:
        layer.attention.mask = np.ones_like(layer.attention.mask)

# 2. The more one insists, the less the samples of a digit differ: some of what is drawn is lost.
flow = tfp_maf.build_tarflow(
    (8, 8), patch=2, num_blocks=blocks, layers=layers, width=width, heads=2, num_labels=11
)
tfp_maf.fit(
    flow,
    rows["train"],
    rows["validation"],
    train_condition=drop_labels(splits.labels.train, label=ANY, share=0.1, seed=0),
    validation_condition=splits.labels.validation,
    input_noise=0.1,
    **options,
)
asked = np.repeat(np.arange(10), 20)
for weight in (0.0, 1.0, 3.0):
    drawn = guided_sample(flow, asked, against=ANY, weight=weight, seed=0)
    spread = drawn.reshape(10, 20, 64).std(axis=1).mean()
    print(f"2. weight {weight:g}: deviation between samples of one digit {spread:.3f}")

# 3. By 0.01 times the gradient of log p: that is about 1 per standard deviation where a pixel's
# density is as wide as its column, and more where the neighbours tell what the pixel must be.
drawn = flow.sample(200, condition=asked, seed=0).numpy()
moved = (denoised(flow, drawn, 0.1, condition=asked) - drawn) / flow.standardisation.scale.numpy()
print(f"3. samples move by {np.sqrt((moved**2).mean()):.3f} standard deviations per pixel")

# 4. The flow's bits are a bound: of the density of pixels with noise, of which the 17 levels are
# intervals. The Image Transformer's are those of its own probabilities.
model = build_image_transformer(
    (8, 8), levels=17, block=(2, 4), memory=(2, 2), num_layers=layers + 1, features=width, heads=2
)
tfp_maf.fit(model, splits.train, splits.validation, **options)
bits = float(np.mean(model.bits_per_dimension(splits.test)))
y = 1 / (1 + np.exp(-rows["test"].astype(float)))
# p of levels and noise: the logit's derivative, and a level's width.
log_det = -np.log(y * (1 - y)) + np.log((1 - 2 * ALPHA) / 17)
without = np.full(len(y), ANY)
log_p = flow.log_prob(rows["test"], without).numpy() + log_det.sum(axis=1)
bound = float(-log_p.mean() / 64 / np.log(2))
print(f"4. Image Transformer {bits:.3f} bits per pixel, TarFlow at most {bound:.3f}")
