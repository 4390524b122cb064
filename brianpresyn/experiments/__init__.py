"""Experiments: each module has Config, QUICK, run and plot."""
