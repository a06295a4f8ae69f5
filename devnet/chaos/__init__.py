"""Chaos: a network of real processes under load while things go wrong, and what must hold of it."""
