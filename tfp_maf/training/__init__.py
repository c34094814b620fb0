"""Training by maximum likelihood: steps, loop, checkpoints, several workers."""
