"""What the rule predicts is asked of S18 and M08 with the timings of the file; other timings are shown."""

from types import SimpleNamespace

import numpy as np
import pytest

from brianpresyn.experiments.stdp_recordings import AS_IN_FILE
from validation.claims.across.stdp_and_release import predicted_correlations
from validation.statement import Rendering, Verdict

xr = pytest.importorskip("xarray")


def correlations(slope, reading=AS_IN_FILE):
    """Return the rows for synapses whose predicted change of p rises or falls with p before."""
    rng = np.random.default_rng(4)
    p = rng.uniform(0.2, 0.8, 40)
    change = 0.5 + slope * (p - 0.5) + 0.02 * rng.standard_normal(40)
    recordings = SimpleNamespace(
        p_before=p,
        induction=np.where(np.arange(40) < 30, "LTP", "LTD"),
        recording=(np.arange(40) % 32).astype(str),
    )
    result = xr.Dataset(
        {
            "p_before": ("row", p),
            "p_after": ("row", p * (1 + change)),
            "q_before": ("row", np.ones(40)),
            "q_after": ("row", np.ones(40)),
        }
    )
    return list(predicted_correlations(recordings, result, reading, rng))


@pytest.mark.parametrize(("slope", "verdict"), [(-0.5, Verdict.AGREES), (0.5, Verdict.DISAGREES)])
def test_prediction_agrees_where_reliable_synapses_change_less(slope, verdict):
    rows = correlations(slope)
    assert [(row.clause, row.n) for row in rows] == [("S18b", 32), ("M08a", 30)]
    assert {row.verdict for row in rows} == {verdict}
    assert {row.rendering for row in rows} == {Rendering.SPIKING}


def test_other_timings_are_observed():
    rows = correlations(-0.5, "LTP at +10 ms")
    assert [row.claim for row in rows if row.is_observation] == ["S18", "M08"]
