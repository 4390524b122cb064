"""Realised synapses have the moments asked for."""

from validation.claims.across.realised_weights import realised_weights
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict


def test_moments_are_kept_and_only_calcium_realises_every_weight():
    evidence = evidence_of(realised_weights(Context(seed=11)))
    judged = [row for row in evidence.measurements if not row.is_observation]
    assert [row.verdict for row in judged] == [Verdict.HOLDS_HERE] * 2
    shares = {m.condition["mechanism"]: m.measured for m in evidence.measurements if "share" in m.quantity}
    assert shares.pop("calcium (n = 5)") == 1.0
    assert all(0.5 < share < 1.0 for share in shares.values())
    assert all(figure.caption for figure in evidence.figures)
