"""Experiments with trained networks, and what they are made of.

Each meets `biophys.experiment.Experiment`, which says what its parts are. ``run`` takes by keyword, besides
what is said there, ``executor`` as one of `biophys.sweeps.executors`, and calls ``on_progress`` with the
fraction done, 0..1, and what is being done.
"""
