"""Second form of the flows' arithmetic, written for XLA: faster, and optional."""
