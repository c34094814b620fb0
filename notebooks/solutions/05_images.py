"""Solutions to the exercises of 05_images. In the folder of the notebooks:

    python -m solutions.05_images

They train a conditional MAF, and another on images that are each shuffled, on mnist.
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


# 1. Rows are the true digits, columns the labels under which an image is most likely. The digit
# with the largest share on the diagonal is told apart best.
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

# 2. Less noise keeps to the middle of the density: cleaner strokes, but all alike. What is drawn
# is no longer a sample of the model.
noise = tf.random.stateless_normal([10, 784], seed=[0, 0])
for scale in (1.0, 0.8, 0.5):
    drawn = flow.given(np.arange(10)).bijector.forward(scale * noise).numpy()
    plotting.plot_images(pictures(drawn), columns=10, title=f"noise times {scale}")
    print(f"2. noise times {scale}: deviation between columns {drawn.std(axis=0).mean():.3f}")

# 3. Look at the picture, and at how much ink it has. An image is unlikely if any of its pixels is
# far from what the ones before it suggest, and a bold digit has many bright ones.
own = flow.log_prob(some, labels).numpy()
least = np.argsort(own)[:10]
plotting.plot_images(pictures(some[least]), columns=10, title="least likely")
ink = pictures(some).mean(axis=(1, 2))
print(f"3. least likely: test image {least[0]}, a {labels[least[0]]}, {own[least[0]]:.0f} nats")
print(f"   ink of the ten least likely {ink[least].mean():.3f}, of all {ink.mean():.3f}")

# 4. One shuffle for all images only renames the columns: column 5 is the same pixel everywhere. A
# shuffle for each image makes all columns alike, draws from the pixels' common histogram, and no
# column says anything about another beyond how much ink there is.
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
