"""Agreement of renderings: by verdicts, by intervals of the same quantity, and only where both are main."""

import pytest

from biophys.estimates import Estimate, gaussian
from validation.agreement import Agreement, agreement_of
from validation.statement import Measurement, Rendering, Verdict

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN


def found(rendering, verdict, value=1.0, half=0.1, quantity="slope", condition=None, clause="X08a"):
    estimate = Estimate(value) if half is None else gaussian(value, half / 1.96)
    return Measurement("X08", clause, rendering, quantity, estimate, verdict, condition=condition or {})


RATE, SPIKING, ANALYTIC = Rendering.RATE, Rendering.SPIKING, Rendering.ANALYTIC


@pytest.mark.parametrize(
    ("measurements", "expected"),
    [
        ([found(RATE, YES), found(SPIKING, YES)], Agreement.AGREE),
        ([found(RATE, NO), found(SPIKING, NO)], Agreement.AGREE),
        ([found(RATE, YES), found(SPIKING, NO)], Agreement.DISAGREE),
        ([found(RATE, YES, quantity="a"), found(SPIKING, OPEN, quantity="b")], Agreement.OPEN),
        ([found(RATE, OPEN), found(SPIKING, YES, value=1.05)], Agreement.AGREE),
        ([found(RATE, YES), found(SPIKING, YES, value=2.0)], Agreement.DISAGREE),
        ([found(RATE, YES), found(SPIKING, YES, value=2.0, quantity="other")], Agreement.AGREE),
        ([found(RATE, YES), found(SPIKING, YES, value=2.0, half=None)], Agreement.AGREE),
        ([found(RATE, YES)], Agreement.ALONE),
        ([found(RATE, YES), found(SPIKING, Verdict.OBSERVED, clause="")], Agreement.ALONE),
        ([found(RATE, YES), found(SPIKING, Verdict.NOT_RUN)], Agreement.ALONE),
        ([], Agreement.ALONE),
        ([found(RATE, YES), found(SPIKING, Verdict.AGREES)], Agreement.AGREE),
        ([found(RATE, Verdict.HOLDS_HERE), found(SPIKING, Verdict.DISAGREES)], Agreement.DISAGREE),
        ([found(RATE, YES, quantity="a"), found(SPIKING, Verdict.AGREEMENT_OPEN)], Agreement.OPEN),
    ],
)
def test_agreement(measurements, expected):
    assert agreement_of(measurements).agreement is expected


def test_other_conditions_are_not_compared():
    one = found(RATE, YES, condition={"rho": 2.0, "seeds": 3})
    same = found(SPIKING, YES, value=2.0, condition={"rho": 2.0, "rates": "2 to 64 Hz"})
    other = found(SPIKING, YES, value=2.0, condition={"rho": 0.5})
    assert agreement_of([one, same]).agreement is Agreement.DISAGREE
    assert agreement_of([one, other]).agreement is Agreement.AGREE


def test_reasons_name_the_values_that_differ():
    of = agreement_of([found(RATE, YES, value=0.05), found(SPIKING, NO, value=-0.5)])
    assert of.reasons[0] == "rate: reproduced; spiking: not reproduced"
    assert "rate 0.05" in of.reasons[1] and "spiking −0.5" in of.reasons[1]


def test_three_renderings_disagree_if_one_does():
    of = agreement_of([found(ANALYTIC, YES), found(RATE, YES), found(SPIKING, NO)])
    assert of.agreement is Agreement.DISAGREE
