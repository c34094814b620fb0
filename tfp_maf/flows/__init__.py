"""Normalising flows: the class, one module per family, saving and loading."""
