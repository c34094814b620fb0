"""Solutions to the exercises of 01_masking. In the folder of the notebooks:

    python -m solutions.01_masking

The comments answer the questions; paste a part into the notebook to see its figures.
"""

import numpy as np

from tfp_maf.networks import masked_dense
from tfp_maf.plotting import figures as plotting

# 1. x3 comes first now, and the matrix of paths is turned by 180 degrees: zero on and above the
# diagonal. In one order alone x1 depends on nothing, and each layer makes a Gaussian of it; a
# second layer in the other order puts x1 last, where it may depend on all the others.
for order in ("left-to-right", "right-to-left"):
    degrees = [masked_dense.input_degrees(3, order=order)]
    degrees.append(masked_dense.hidden_degrees(degrees[0], 6, event_size=3))
    degrees.append(masked_dense.hidden_degrees(degrees[1], 6, event_size=3))
    masks = masked_dense.made_masks(degrees)
    plotting.plot_masks(masks, titles=["into hidden 1", "into hidden 2", "into the outputs"])
    print(f"1. {order}: paths\n{masked_dense.connectivity(masks)}")


# 2. An output loses its inputs if no hidden unit has a degree below its own. With two units of
# degrees 1 or 2 that is common. The network stays autoregressive: masks only take away, so x2 has
# become independent of x1, which is a poorer model, not a wrong one.
def drawn_degrees(seed):
    rng = np.random.RandomState(seed)
    inputs = masked_dense.input_degrees(3)
    return [inputs, masked_dense.hidden_degrees(inputs, 2, event_size=3, how="random", seed=rng)]


def paths_of(seed):
    return masked_dense.connectivity(masked_dense.made_masks(drawn_degrees(seed))).astype(int)


lost = [seed for seed in range(100) if not paths_of(seed)[:, 1:].any(axis=0).all()]
print(f"2. {len(lost)} of 100 seeds lose all inputs of an output, the first is {lost[0]}")
print(f"   degrees {drawn_degrees(lost[0])[1]}, paths\n{paths_of(lost[0])}")
print(f"   zero on and below the diagonal: {not np.tril(paths_of(lost[0])).any()}")

# 3. Columns come in equal pairs: the shift and the log scale of x_i are adjacent outputs, both of
# degree i, and both may depend on x_1 .. x_{i-1} only.
degrees = [masked_dense.input_degrees(3)]
degrees.append(masked_dense.hidden_degrees(degrees[0], 6, event_size=3))
last = masked_dense.made_masks(degrees, params=2)[-1]
print(f"3. last mask\n{last.astype(int)}")
print(f"   columns 0, 2, 4 equal 1, 3, 5: {np.array_equal(last[:, ::2], last[:, 1::2])}")

# 4. Nearly half. Units sorted by degree ("equal" degrees are) have the zeros in one corner, and the
# kernel can be cut into blocks of columns of which each needs only its first rows. That is what
# tfp_maf/xla/block_sparse.py does, for kernels of 65,536 entries or more: in smaller ones, copying
# the blocks takes longer than multiplying by zeros.
degrees = [masked_dense.input_degrees(8)]
for _ in range(2):
    degrees.append(masked_dense.hidden_degrees(degrees[-1], 100, event_size=8))
masks = masked_dense.made_masks(degrees, params=2)
zeros = sum(mask.size - mask.sum() for mask in masks) / sum(mask.size for mask in masks)
layers = ", ".join(f"{1 - mask.mean():.1%}" for mask in masks)
print(f"4. {zeros:.1%} of all multiplications are by a zero; layer by layer {layers}")
