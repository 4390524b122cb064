"""A prediction is judged against that of no change, by resampling whole recordings."""

import numpy as np
import pytest

pytest.importorskip("xarray")

from brianpresyn.experiments.stdp_recordings import explained_share
from validation.claims.across.stdp_protocol import PUBLISHED_RULE
from validation.statement import Verdict, row


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(1.0, Verdict.HOLDS_HERE), (-1.0, Verdict.DOES_NOT_HOLD_HERE), (0.0, Verdict.OPEN_HERE)],
)
def test_verdict_follows_the_prediction(gain, verdict):
    rng = np.random.default_rng(1)
    recorded = rng.normal(0.3, 0.2, 60)
    predicted = gain * recorded + 0.05 * rng.standard_normal(60) * (gain != 0)
    share = explained_share(predicted, recorded, np.arange(60).astype(str), rng)
    assert row(PUBLISHED_RULE["dP"], share, "share").verdict is verdict
    assert share.value == pytest.approx({1.0: 1.0, -1.0: -3.0, 0.0: 0.0}[gain], abs=0.1)


def test_recordings_are_what_counts():
    rng = np.random.default_rng(2)
    recorded = np.repeat(rng.normal(0.3, 0.2, 20), 2)
    predicted = recorded + np.repeat(rng.normal(0.0, 0.3, 20), 2)
    recording = np.repeat(np.arange(20), 2).astype(str)
    by_recording = explained_share(predicted, recorded, recording, rng)
    by_row = explained_share(predicted, recorded, np.arange(40).astype(str), rng)
    assert (by_recording.n, by_recording.unit) == (20, "recordings")
    assert np.diff(by_recording.interval) > 1.1 * np.diff(by_row.interval)
