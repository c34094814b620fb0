"""Utilities: checks of arguments, console output, garbage collection."""
