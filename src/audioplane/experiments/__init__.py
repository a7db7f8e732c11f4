"""Whole experiments: compare, cross, stress, ablate."""
