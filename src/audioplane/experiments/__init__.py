"""Experiments: compare, cross, stress, ablate."""
