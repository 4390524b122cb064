"""Experiments with trained networks, and what they are made of.

A module that is an experiment has

- ``Config``, a frozen dataclass of settings whose defaults are the published values, and ``QUICK``, the same
  in seconds;
- ``run(config, ...)``, which trains, measures, and returns an `xarray.Dataset` from which every figure can be
  drawn;
- ``FIGURES``, the function ``draw(result, figure)`` of every panel by its name;
- ``DEFINING_SETTINGS``, the fields of ``Config`` in which a result must not differ from the published one.

``run`` takes besides the configuration, by keyword, ``execution`` (device and precision, a
`rate_models.devices.Execution`), ``executor`` where batches of networks can be trained elsewhere (one of
`rate_models.sweep`; None for this process), and ``on_progress``, which is called with the fraction done,
0..1, and what is being done.
"""
