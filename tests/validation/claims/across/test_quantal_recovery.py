"""The report on quantal analysis says where intervals cover and where they do not."""

from dataclasses import replace

from biophys import quantal_recovery
from biophys.quantal_recovery import RecoveryRow, pooled_coverage
from validation.claims.across.quantal_recovery import recovered_from_noise_and_trains, recovered_parameters
from validation.context import Context
from validation.registry import evidence_of


def test_every_method_is_reported_and_judges_nothing(monkeypatch):
    monkeypatch.setattr(quantal_recovery, "RELEASE_PROBABILITIES", (0.3, 0.7, 0.9))
    evidence = evidence_of(recovered_parameters(Context(seed=5)))
    rows = evidence.measurements + evidence_of(recovered_from_noise_and_trains(Context(seed=5))).measurements
    assert all(row.is_observation for row in rows)
    coverage = {
        (row.condition["method"], row.quantity.split()[6]): row.measured
        for row in rows
        if row.quantity.startswith("coverage")
    }
    methods = {"moments, n known", "moments, n unknown", "variance-mean", "likelihood"}
    harder = {
        "moments, noise q, quantal CV 0.3, n known",
        "variance-mean, noise q, quantal CV 0.3",
        "likelihood, quantal CV 0.3",
        "trains, quantal CV 0.3, n known",
    }
    assert {method for method, _ in coverage} == methods | harder
    # 40 recordings: five standard errors below 0.95.
    assert all(coverage[method, name] > 0.77 for method in harder for name in ("p", "q"))
    told = {row.condition["method"]: row for row in rows if "said to tell" in row.quantity}
    assert told["variance-mean"].measured > 0.9 and told["likelihood"].estimate.n > 100
    assert all(coverage[m, name] > 0.9 for m in ("variance-mean", "likelihood") for name in ("n", "p", "q"))
    shares = {row.condition["method"]: row.measured for row in rows if "tell n" in row.quantity}
    # 200 responses at one release probability do not always tell n from p: this must be said, not hidden.
    assert shares["moments, n unknown"] < shares["variance-mean"] - 0.05
    assert len(evidence.figures[0].figure.axes) == 4


def test_the_synapses_that_cover_least_and_most_are_named():
    good = RecoveryRow("moments", 2, 0.3, 200, 1000, 0.0, 0.0, 1.0, 0.95, 0.96, 1.0)
    bad = replace(good, n=5, p=0.1, q_coverage=0.8)
    reason = pooled_coverage([good, bad], "q").how
    assert "0.800 at n = 5, p = 0.1 to 0.960 at n = 2, p = 0.3" in reason
