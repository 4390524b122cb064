"""The report on quantal analysis says where intervals cover and where they do not."""

from validation.claims.claim import Context, Verdict
from validation.claims.quantal_recovery import recovered_parameters


def test_every_method_is_reported_and_the_likelihood_and_parabola_cover(monkeypatch):
    from validation.claims import quantal_recovery

    monkeypatch.setattr(quantal_recovery, "_P", (0.3, 0.7, 0.9))
    evidence = recovered_parameters(Context(seed=5))
    coverage = {
        (m.condition["method"], m.quantity.split()[6]): m
        for m in evidence.measurements
        if m.quantity.startswith("coverage")
    }
    assert {method for method, _ in coverage} == {
        "moments, n known",
        "moments, n unknown",
        "variance-mean",
        "likelihood",
    }
    for method in ("variance-mean", "likelihood"):
        for name in ("n", "p", "q"):
            assert coverage[method, name].verdict is Verdict.REPRODUCED
    # 200 responses do not bound n by three moments: this must be said, not hidden.
    assert coverage["moments, n unknown", "n"].measured < 0.97
    assert all(m.is_supporting for m in evidence.measurements)
    assert len(evidence.figures[0].figure.axes) == 4
