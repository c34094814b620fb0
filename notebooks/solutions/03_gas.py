"""Solutions to the exercises of 03_gas. In the folder of the notebooks:

    python -m solutions.03_gas

The comments answer the questions for the simulated data, which this script writes.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from settings import SIZE  # first: it keeps TensorFlow quiet

import tfp_maf
from tfp_maf.data_prep import gas, simulate

FOLDER = Path(tempfile.mkdtemp())
simulate.write_ethylene_co(FOLDER / gas.FILE, rows=SIZE.gas_rows)
LAYERS, UNITS = SIZE.gas_network
LONGEST = SIZE.gas_epochs[0]


def trained(train, validation, **options):
    """Train a flow as the notebook does, and return it with its history."""
    flow = tfp_maf.build_maf(train.shape[1], num_layers=LAYERS, hidden_units=UNITS, **options)
    history = tfp_maf.fit(
        flow,
        train,
        validation,
        standardise=False,
        learning_rate=1e-4,
        max_epochs=LONGEST,
        patience=30,
        progress=False,
    )
    return flow, history


# 1. The log-likelihoods are of other columns and of another split (random rows, not the last ones),
# so they do not compare with the notebook's. With a random split, test rows have near neighbours
# among the training rows, and the test score is close to the validation score.
post = gas.load(FOLDER, recipe="post", cutoff=gas.POST_CUTOFF)
flow, history = trained(post.train, post.validation)
print(
    f"1. {history.epochs} epochs; validation {tfp_maf.evaluate(flow, post.validation)}, test "
    f"{tfp_maf.evaluate(flow, post.test)}"
)

# 2. Sensors have means and deviations of thousands, so the first layer's tanh units saturate: it
# sees hardly more of the columns before than their signs. Its log scales would have to be about 8,
# the log of the deviations, but are bound to 3. The batch norm behind it then standardises the
# columns after all, so the later layers can learn: 8.2 nats after ten epochs, where standardised
# columns have 8.8.
paper = gas.load(FOLDER)
raw = [paper.scaler.unstandardise(x).astype(np.float32) for x in (paper.train, paper.validation)]
per_row = np.log(paper.scaler.scale).sum()  # the density in standardised units is higher by this
few = {"max_epochs": min(LONGEST, 10), "progress": False, "learning_rate": 1e-4}
for name, (train, validation), offset in [
    ("standardised", (paper.train, paper.validation), 0.0),
    ("raw", raw, per_row),
]:
    flow = tfp_maf.build_maf(train.shape[1], num_layers=LAYERS, hidden_units=UNITS)
    history = tfp_maf.fit(flow, train, validation, standardise=False, **few)
    print(f"2. {name}: {history.best_validation + offset:.2f} nats after {history.epochs} epochs")

# 3. Neighbours' scores are alike, since the gases and the sensors' memory are the same: a test row
# says little that the row before it has not said. The standard errors above count rows as
# independent draws. By blocks of rows, each longer than the gases stay as they are, the error comes
# out several times as large: .94 in place of .14 nats for the run in docs/results.md.
best, _ = trained(paper.train, paper.validation)
scores = best.log_prob(paper.test).numpy().astype(float)
for lag in (1, 100):
    correlation = np.corrcoef(scores[:-lag], scores[lag:])[0, 1]
    print(f"3. correlation of the scores of rows {lag} apart: {correlation:.2f}")
blocks = np.array([block.mean() for block in np.array_split(scores, 20)])
print(
    f"   two standard errors: {2 * scores.std() / np.sqrt(len(scores)):.2f} by rows, "
    f"{2 * blocks.std(ddof=1) / np.sqrt(len(blocks)):.2f} by blocks"
)

# 4. In the run of docs/results.md, five of the lowest eight are rows within 18 seconds of a change
# of CO: the sensors move fast there, so few training rows are like them. No single reading is
# unusual, but the combination is.
lowest = np.argsort(scores)[:5]
frame = pd.DataFrame(paper.scaler.unstandardise(paper.test[lowest]), columns=paper.scaler.columns)
print("4. lowest-scored test rows")
print(frame.assign(log_prob=scores[lowest]).round(1).to_string())
