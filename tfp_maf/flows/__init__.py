"""Normalizing flows: the class, a module per family, saving and loading."""
