"""The published networks of the gallery, in small: without failures, the spikes of ordinary synapses."""

import importlib.util
import json
import re
from pathlib import Path

import brian2
import numpy as np
import pytest
from brian2 import ms, second

from brianpresyn.spikes import plot_spikes, same_spikes
from brianpresyn.targets import code_generation

DOCS = Path(__file__).resolve().parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("published_networks", DOCS / "published_networks.py")
published = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(published)

SMALL = {
    "brunel_hakim": {"n_cells": 500, "duration": 60 * ms},
    "calcium_plasticity": {"n_synapses": 20, "n_pairs": 4},
    "cobahh": {"n_cells": 160, "duration": 40 * ms},
    "cuba": {"n_cells": 400, "duration": 60 * ms},
    "dendritic_sequence": {"n_trials": 4},
    "diehl_cook": {"duration": 1 * second},
    "inhibitory_plasticity": {"n_cells": 400, "duration": 100 * ms},
    "izhikevich": {"n_cells": 200, "duration": 100 * ms},
    "jeffress": {"duration": 50 * ms},
    "liquid_state": {"n_trials": 4},
    "population_bursts": {"n_cells": 300, "duration": 300 * ms},
    "stdp": {"n_inputs": 1000, "duration": 400 * ms},
    "synfire_chain": {"n_groups": 3, "duration": 45 * ms},
    "tripartite_synapse": {"n_cells": 10, "duration": 400 * ms},
    "working_memory": {"n_cells": 40, "duration": 500 * ms},
}
NETWORKS = published.networks()


def name_of(path):
    return path.stem


@pytest.fixture
def clock():
    """Run on numpy, and leave the default time step as it was."""
    dt = brian2.defaultclock.dt
    with code_generation("numpy"):
        brian2.defaultclock.dt = 0.1 * ms
        yield
    brian2.defaultclock.dt = dt


def test_the_networks_are_those_that_are_tested():
    assert {path.stem for path in NETWORKS} == set(SMALL)
    assert len(NETWORKS) >= 15


@pytest.mark.parametrize("path", NETWORKS, ids=name_of)
def test_without_failures_every_spike_is_that_of_ordinary_synapses(path, clock):
    network = published.definitions(path)
    reliable, unreliable = published.releases(network)
    plain = network["simulate"](None, **SMALL[path.stem])
    sure = network["simulate"](reliable, **SMALL[path.stem])
    assert same_spikes(plain[0], sure[0])
    unsure = network["simulate"](unreliable, **SMALL[path.stem])
    # Failures show in the spikes or, where these are imposed, in what is measured.
    assert not same_spikes(sure[0], unsure[0]) or unsure[1] != sure[1]


@pytest.mark.parametrize("path", NETWORKS, ids=name_of)
def test_every_network_names_its_paper(path):
    text = path.read_text(encoding="utf-8")
    docstring = text.split('"""')[1]
    assert re.search(r"\b(19|20)\d\d\)\. \"", docstring), "author, year and title"
    assert "doi:10." in docstring
    assert "same_spikes(plain" in text


def test_the_page_shows_what_was_measured():
    results = published.stored()
    assert published.PAGE.read_text(encoding="utf-8") == published.page(results), (
        "run python docs/published_networks.py"
    )
    assert set(results) == set(SMALL)
    for name, seeds in results.items():
        assert len(seeds) >= 3 and all(each["same"] for each in seeds.values()), name


@pytest.mark.slow
def test_what_was_measured_is_measured_again(clock):
    stored = json.loads(published.RESULTS.read_text())["synfire_chain"]["1"]
    again = published.measured(published.EXAMPLES / "synfire_chain.py", 1)
    assert again["same"] and again["n_spikes"] == pytest.approx(stored["n_spikes"], rel=0.02)
    assert again["with"] == pytest.approx(stored["with"], abs=0.2)


def test_digits_follow_the_spread():
    assert published.spread([0.5, 0.53, 0.47]) == "0.500 ± 0.030"
    assert published.spread([410.0, 390.0]) == "400 ± 14"


def test_spikes_are_compared_and_drawn(clock):
    import matplotlib.pyplot as plt

    cells = brian2.NeuronGroup(3, "v : 1", threshold="i < 2", reset="")
    spikes, silent = brian2.SpikeMonitor(cells), brian2.SpikeMonitor(cells, record=True)
    silent.active = False
    brian2.Network(cells, spikes, silent).run(0.3 * ms)
    assert same_spikes(spikes, spikes) and not same_spikes(spikes, silent)
    assert not same_spikes(silent, silent), "no spikes prove nothing"
    figure, axes = plt.subplots()
    plot_spikes(spikes, axes)
    (line,) = axes.lines
    assert np.allclose(line.get_xdata(), [0, 0, 0.1, 0.1, 0.2, 0.2])
    assert list(line.get_ydata()) == [0, 1] * 3
    plt.close(figure)
