"""Figures of a report: attention, dynamism, curves, contact sheet."""
