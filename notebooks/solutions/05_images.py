"""Solutions to the exercises of 05_images. In the folder of the notebooks:

    python -m solutions.05_images

They train a conditional MAF, and another on images that are each shuffled, on mnist. The figures in
the comments are of TFP_MAF_NOTEBOOKS=small: one layer of 8 units and one epoch, a minute. Paste a
part into the notebook to see its pictures.
"""

import numpy as np
import pandas as pd
import tensorflow as tf
from settings import SIZE, data

import tfp_maf
from tfp_maf.data_prep import mnist
from tfp_maf.plotting import figures as plotting

splits = mnist.load(data("mnist", download=True))
layers, units = SIZE.mnist_network
model = {
    "num_layers": layers,
    "hidden_units": units,
    "activation": "relu",
    "log_scale_bound": 2.0,
}
options = {
    "learning_rate": 1e-4,
    "batch_size": 100,
    "max_epochs": SIZE.mnist_epochs,
    "progress": False,
}


def pictures(y):
    return mnist.SPACE.to_pixels(y).reshape(-1, 28, 28)


# 1. Rows are the true digits, columns the labels under which an image is most likely. Read each
# digit's share off its row. In small, 65.4 % are right; 1 is told apart best, and 5 worst: most of
# all, it is taken for 8.
flow = tfp_maf.build_maf(784, num_labels=10, **model)
tfp_maf.fit(
    flow,
    splits.train,
    splits.validation,
    train_condition=splits.labels.train,
    validation_condition=splits.labels.validation,
    **options,
)
some = splits.test[:1000]
labels = splits.labels.test[:1000]
by_digit = np.stack([flow.log_prob(some, digit).numpy() for digit in range(10)])
table = pd.crosstab(
    pd.Series(labels, name="digit"), pd.Series(by_digit.argmax(axis=0), name="most likely label")
)
print(f"1. {(by_digit.argmax(axis=0) == labels).mean():.1%} of 1,000 right\n{table}")

# 2. Less noise stays nearer to the middle of the density, so images vary less: the columns' mean
# deviation falls from 2.27 to 1.82 and 1.14. They are no longer samples of the model.
noise = tf.random.stateless_normal([10, 784], seed=[0, 0])
for scale in (1.0, 0.8, 0.5):
    drawn = flow.given(np.arange(10)).bijector.forward(scale * noise).numpy()
    plotting.plot_images(pictures(drawn), columns=10, title=f"noise times {scale}")
    print(f"2. noise times {scale}: deviation between columns {drawn.std(axis=0).mean():.3f}")

# 3. Look at the picture, and at how much ink it has. A bold digit has many pixels that can each be
# unlikely: in small, the ten least likely images have .164 of ink, all have .124.
own = flow.log_prob(some, labels).numpy()
least = np.argsort(own)[:10]
plotting.plot_images(pictures(some[least]), columns=10, title="least likely")
ink = pictures(some).mean(axis=(1, 2))
print(f"3. least likely: test image {least[0]}, a {labels[least[0]]}, {own[least[0]]:.0f} nats")
print(f"   ink of the ten least likely {ink[least].mean():.3f}, of all {ink.mean():.3f}")

# 4. One shuffle for all images only renames the columns: column 5 is the same pixel everywhere. A
# shuffle for each image makes all columns alike: each is drawn from the histogram of all pixels,
# and the others tell of it only how much ink there is. In small, -2124 nats are left.
rng = np.random.default_rng(0)
shuffled = tfp_maf.build_maf(784, **model)
tfp_maf.fit(
    shuffled,
    rng.permuted(splits.train, axis=1),
    rng.permuted(splits.validation, axis=1),
    **options,
)
found = tfp_maf.evaluate(shuffled, rng.permuted(splits.test, axis=1))
print(f"4. test log-likelihood with each image shuffled differently: {found}")
