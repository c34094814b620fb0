"""``python -m tfp_maf``, the same as ``tfp-maf``."""

from tfp_maf.cli.app import main

if __name__ == "__main__":
    main()
