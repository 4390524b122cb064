"""The budget law has its exponent, and budgets are measured on drawn recordings and on the recorded ones."""

import numpy as np
import pytest
import quantities as pq

from biophys.recordings.recorded_connections import EpspRecordings, PlasticityRecordings
from validation.claims.across import energy_budget, recorded_budgets
from validation.claims.across.energy_budget import PREDICTS, SEARCHED
from validation.context import Context
from validation.data.datastore import DataSetMissing, locate
from validation.registry import evidence_of
from validation.statement import Rendering, Verdict, verdict_on


def _drawn_recordings(n=40):
    rng = np.random.default_rng(3)
    p_before = rng.uniform(0.1, 0.8, n)
    induction = np.where(np.arange(n) < n // 2, "LTP", "LTD")
    odds = p_before / (1 - p_before) * np.where(induction == "LTP", 2.0, 0.5)
    return PlasticityRecordings(
        recording=np.array([f"r{i}" for i in range(n)]),
        induction=induction,
        frequency=np.full(n, 10.0) * pq.Hz,
        timing=np.full(n, 10.0) * pq.ms,
        p_before=p_before,
        p_after=odds / (1 + odds),
        q_before=rng.uniform(0.1, 0.4, n) * pq.mV,
        q_after=rng.uniform(0.1, 0.4, n) * pq.mV,
    )


def _drawn_epsps(n=60):
    rng = np.random.default_rng(4)
    mean = rng.lognormal(-1, 0.5, n) * pq.mV
    return EpspRecordings(mean, (0.5 * mean) ** 2, rng.random(n) + 0.1, rng.random(n) + 0.1, np.arange(n))


@pytest.fixture
def drawn(monkeypatch):
    monkeypatch.setattr(recorded_budgets, "read_sjostrom2001", _drawn_recordings)
    monkeypatch.setattr(recorded_budgets, "read_ko2013", _drawn_epsps)


def test_budget_exponent_is_five_by_every_route():
    evidence = evidence_of(energy_budget.exponent_of_a_budget(Context()))
    found = {m.condition["costs"]: m for m in evidence.measurements}
    routes = [m for m in evidence.measurements if m.condition["costs"] == "calcium + n"]
    assert len(routes) == 3
    assert [m.measured for m in routes] == pytest.approx([5.0] * 3, rel=0.02)
    assert verdict_on(SEARCHED, evidence.measurements) is Verdict.HOLDS_HERE
    # Costs that grow as n^(1/3) and n^(2/3) at fixed mean give 4 + 3 and 4 + 3/2.
    assert found["calcium + membrane"].measured == pytest.approx(7.0, abs=0.05)
    assert found["calcium + actin"].measured == pytest.approx(5.5, abs=0.05)


def test_a_known_change_of_budget_is_found(drawn):
    evidence = evidence_of(recorded_budgets.recorded_budgets(Context()))
    ratios = {m.condition["rows"]: m for m in evidence.measurements if m.quantity.startswith("geometric")}
    # Doubled and halved odds of release change the budget by a fifth root.
    assert ratios["LTP"].measured == pytest.approx(2**0.2)
    assert ratios["LTD"].measured == pytest.approx(0.5**0.2)
    spread = [m for m in evidence.measurements if m.condition.get("connections") == "Ko et al."]
    assert spread[0].measured == pytest.approx(0.0, abs=1e-6)
    assert all(m.rendering is Rendering.RECORDED for m in evidence.measurements)
    # Release changes alone do not tell how the drawn amplitudes change.
    assert verdict_on(PREDICTS, evidence.measurements) is not Verdict.HOLDS_HERE


def test_moments_undo_the_estimation_of_p_and_q():
    recordings = _drawn_recordings()
    mean, sd = recordings.moments_before
    q = sd**2 / mean + mean / 5.5
    np.testing.assert_allclose(q.magnitude, recordings.q_before.magnitude)
    np.testing.assert_allclose((mean / (5.5 * q)).magnitude, recordings.p_before)


@pytest.mark.data
def test_the_budget_rises_with_potentiation_and_falls_with_depression():
    for name in ("sjostrom2001", "ko2013"):
        try:
            locate(name, download=False)
        except DataSetMissing as missing:
            pytest.skip(str(missing))
    evidence = evidence_of(recorded_budgets.recorded_budgets(Context()))
    ratios = {m.condition["rows"]: m for m in evidence.measurements if m.quantity.startswith("geometric")}
    assert ratios["LTP"].interval[0] > 1 > ratios["LTD"].interval[1]
    assert (ratios["LTP"].n, ratios["LTD"].n) == (30, 14)
    assert evidence.figures
