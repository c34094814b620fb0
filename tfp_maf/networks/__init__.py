"""Neural networks: masked dense layers, MADE, plain dense networks."""
