"""Experiments with trained networks, and what they are made of.

Each meets `biophys.experiment.Experiment`. ``run`` takes besides the settings, by keyword, ``execution``
(device and precision, a `rate_models.devices.Execution`), ``executor`` where batches of networks can be
trained elsewhere (one of `biophys.sweeps.executors`; None for this process), ``on_progress``, which is called
with the fraction done, 0..1, and what is being done, and ``keep_in``, a folder of finished networks, from
which a run that broke off goes on; None to keep none.
"""
