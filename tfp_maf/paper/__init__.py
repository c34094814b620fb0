"""Models, protocol and tables of Papamakarios et al. 2017 (arXiv 1705.07057)."""
