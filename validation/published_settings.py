"""What a run does otherwise than published: the settings that a paper states, and their published values.

The values are the defaults of the experiment's ``Config``, which are the paper's; here stands which of them
the paper states and a result depends on. Seeds, device, grouping and what only says how much is measured are
not among them.
"""

import functools
from collections.abc import Mapping
from typing import Any

from biophys.settings import as_plain
from validation.runs import experiment_module

STATED = {
    # Methods, "Metaplasticity parameters" and "Neural network training"; the initial p is that of figure 2.
    "energy": "data_set hidden_units n_epochs batch_size p_up p_down p_min g_lim",
    # Methods, "Neural network training", "Metaplasticity parameters"; rates as the program assigns them.
    "lifelong": "hidden_units n_epochs batch_size n_permuted_tasks learning_rate_split "
    "learning_rate_permuted g_lim p_min",
    # Methods, "Perceptron for lifelong learning".
    "perceptron": "n_inputs n_tasks n_epochs batch_size g_lim p_up p_down p_min p_freeze",
    # Materials and methods; the formulation is the one that the published figures are consistent with.
    "reliability": "data_set formulation hidden_units n_epochs batch_size initial_sigma noise_haste "
    "noise_memory images_per_draw",
    "signatures": "data_set formulation s hidden_units n_epochs n_statistics_epochs batch_size initial_sigma "
    "noise_memory",
    # Of the networks of the other figures: those of figure 7a, and their prior, are not stated.
    "posterior": "data_set hidden_units n_epochs",
    # All that is stated of the network: data, prior, nonlinearity, s and training are not.
    "predictive": "hidden_units noise_sd",
    "graceful_forgetting": "data_set hidden_units n_tasks n_epochs batch_size published_rate",
}
"""Settings by experiment, separated by blanks, with where the paper states them."""


@functools.cache
def published_settings(experiment: str) -> Mapping[str, Any]:
    """Return the published values of the settings that a paper states as plain values; of a cross-check none.

    >>> published_settings("posterior")
    {'data_set': 'mnist', 'hidden_units': [100, 100], 'n_epochs': 50}
    """
    names = STATED.get(experiment, "").split()
    defaults = as_plain(experiment_module(experiment).Config()) if names else {}
    return {name: defaults[name] for name in names}
