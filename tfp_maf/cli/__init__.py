"""The command line interface, ``tfp-maf``."""
