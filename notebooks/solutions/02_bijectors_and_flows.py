"""Solutions to the exercises of 02_bijectors_and_flows. In the folder of the notebooks:

    python -m solutions.02_bijectors_and_flows

The comments answer the questions; paste a part into the notebook to see its figures.
"""

import numpy as np
from settings import SIZE  # first: it keeps TensorFlow quiet

import tfp_maf
from tfp_maf.data_prep import simulate
from tfp_maf.plotting import flows as flow_plots

ROWS, EPOCHS = SIZE.moons
MOONS = simulate.two_moons(ROWS)
TRAIN, VALIDATION = MOONS[: ROWS * 9 // 10], MOONS[ROWS * 9 // 10 :]


def trained(**options):
    """Train a flow as the notebook does, and return it with its history."""
    arguments = {"num_layers": 5, "hidden_units": (64, 64), "activation": "tanh", "seed": 1}
    flow = tfp_maf.build_maf(2, **(arguments | options))
    history = tfp_maf.fit(
        flow,
        TRAIN,
        VALIDATION,
        learning_rate=3e-3,
        max_epochs=EPOCHS,
        patience=10,
        halve_after=5,
        progress=False,
    )
    return flow, history


# 1. Little: biases are zero and kernels small, so shifts and log scales are near zero, and the
# batch norms still hold mean 0 and variance 1. What is left are the reversals, and a slight bend.
untrained = tfp_maf.build_maf(2, num_layers=5, hidden_units=(64, 64), seed=1)
flow_plots.plot_layers(untrained)
moved = np.abs(untrained.noise(MOONS[:1000]).numpy() - MOONS[:1000]).mean()
print(f"1. untrained, five layers move a moon's dot by {moved:.2f} on average")

# 2. The second, x2: it is Gaussian given x1, and its mean and width bend with x1. But where both
# moons have dots above one x1, one Gaussian covers the gap between them. Of x1, the first, the
# layer makes a plain Gaussian, since nothing comes before it.
single, _ = trained(num_layers=1)
flow_plots.plot_density(single, VALIDATION)
print(f"2. one layer: validation {tfp_maf.evaluate(single, VALIDATION)}")

# 3. In full, with batch norm the level below is reached after 26 epochs, and not
# within the notebook's 40 without. That is one seed: another gives other numbers.
_, with_norm = trained()
_, without = trained(batch_norm=False)
level = with_norm.best_validation - 0.02
reached = [
    next((i for i, score in enumerate(history.validation, start=1) if score >= level), None)
    for history in (with_norm, without)
]
shown = [epochs or "not reached" for epochs in reached]
print(f"3. epochs to {level:.2f} nats: with batch norm {shown[0]}, without {shown[1]}")

# 4. It integrates to one, like any density. (A grid of finite spacing and extent loses a little.)
post, _ = trained(order="post")
side = np.linspace(-5, 5, 401)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype(np.float32)
density = np.exp(post.log_prob(grid).numpy().astype(float))
print(f"4. order post integrates to {density.sum() * (side[1] - side[0]) ** 2:.3f}")
