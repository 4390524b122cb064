"""What a run does otherwise than published is read from the defaults of its experiment."""

import pytest

from biophys.settings import as_plain
from validation.published_settings import STATED, published_settings
from validation.runs import configuration
from validation.statement import setting_of


@pytest.mark.parametrize("experiment", STATED)
def test_full_size_is_as_published_and_what_differs_is_named(experiment):
    full, quick = (as_plain(configuration(experiment, size)) for size in ("full", "quick"))
    assert setting_of(full, published_settings(experiment)).departures == ()
    departures = setting_of(quick, published_settings(experiment)).departures
    published = published_settings(experiment)
    differing = [name for name in published if quick[name] != full[name]]
    assert [text.split()[0] for text in departures] == differing


def test_published_values_are_those_of_the_papers():
    energy = published_settings("energy")
    assert (energy["hidden_units"], energy["n_epochs"], energy["g_lim"]) == ([200, 200], 50, 0.001)
    assert published_settings("reliability")["hidden_units"] == [100, 100]
    assert published_settings("predictive") == {"hidden_units": [20], "noise_sd": 0.05}
