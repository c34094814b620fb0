"""The models, protocol and tables of Papamakarios et al. (2017)."""
