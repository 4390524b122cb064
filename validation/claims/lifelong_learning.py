"""Measure what presynaptic consolidation keeps of earlier tasks, in networks and in the perceptron.

What the results say is worked out in `validation.lifelong_evidence` and `validation.perceptron_evidence`,
which need torch and are therefore imported only when a claim is measured: the others are to be had without.
"""

from __future__ import annotations

from validation.claims.claim import Context, Evidence, Rendering
from validation.registry import measures
from validation.runs import result_for

_NEEDS = ("torch", "sklearn", "xarray")


@measures("S09", "S10", "S11", "S14", "S17", rendering=Rendering.RATE, needs=_NEEDS)
def lifelong_learning(context: Context) -> Evidence:
    """Compare presynaptic consolidation with its ablations and with other methods on sequences of tasks."""
    from validation.lifelong_evidence import evidence_of

    return evidence_of(result_for("lifelong", context).result)


@measures("S12", "S13", rendering=Rendering.RATE, needs=_NEEDS)
def perceptron_recall(context: Context) -> Evidence:
    """Compare a perceptron with presynaptic consolidation with the standard one, at several loads."""
    from validation.perceptron_evidence import perceptron_evidence

    return perceptron_evidence(result_for("perceptron", context).result)
