"""S01-S04, S15, S16 and S20: verdicts follow the numbers given, each clause by itself."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from validation.archive import ArchivedRun
from validation.claims.schug2021.energy_networks import (
    S01,
    S15,
    S16,
    S20,
    S24,
    energy_at_information,
    fixed_release,
    information_per_activity,
    information_per_energy,
    other_steps_of_p,
    plastic_networks,
    shown_networks,
)
from validation.claims.schug2021.important_synapses import (
    S02,
    S03,
    S04,
    S25,
    costly_synapses,
    few_reliable_synapses,
    lesions,
    strength_update,
)
from validation.context import Context
from validation.published_settings import published_settings
from validation.registry import evidence_of
from validation.statement import Verdict, verdict_on

PUBLISHED = published_settings("energy")

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN


def verdicts(found, claim):
    return [verdict_on(clause, found.measurements) for clause in claim.clauses]


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ({"soft_bound": 3.0, "deterministic": 2.0, "fixed_release": 1.0}, [YES, YES]),
        ({"soft_bound": 2.0, "deterministic": 3.0, "fixed_release": 1.0}, [NO, YES]),
        ({"soft_bound": 3.0, "deterministic": 1.0, "fixed_release": 2.0}, [YES, NO]),
    ],
)
def test_the_ordering_of_models_decides(ratios, evidence, bits, expected):
    assert verdicts(evidence(information_per_energy, ratios(**bits)), S01) == expected
    found = evidence(information_per_activity, ratios("neuronal_energy", **bits))
    assert verdicts(found, S15) == expected * 2


def test_small_networks_hold_here_at_most(ratios, evidence):
    result = ratios(soft_bound=3.0, deterministic=2.0, fixed_release=1.0)
    small = {**PUBLISHED, "hidden_units": [50, 50]}
    found = evidence(information_per_energy, result, small)
    assert verdicts(found, S01) == [Verdict.HOLDS_HERE] * 2
    assert found.measurements[0].setting == "hidden_units [50, 50] (published [200, 200])"


def test_collapsed_models_leave_the_ordering_open(ratios, evidence):
    result = ratios(soft_bound=3.0, deterministic=2.0, fixed_release=1.0)
    accuracy = result.accuracy.copy()
    accuracy.loc[{"model": "fixed_release"}] = 0.1
    found = evidence(information_per_energy, result.assign(accuracy=accuracy))
    assert verdicts(found, S01) == [YES, OPEN]
    assert "no penalty leaves an accuracy" in found.measurements[1].reason


def test_one_penalty_refutes_the_order_at_each(ratios, evidence):
    result = ratios("neuronal_energy", soft_bound=3.0, deterministic=2.0, fixed_release=1.0)
    result["information"].loc[{"model": "deterministic", "l2": 0.0}] *= 0.1
    assert verdicts(evidence(information_per_activity, result), S15) == [YES, YES, YES, NO]


@pytest.mark.parametrize(
    ("energies", "expected"),
    [
        ({"soft_bound": 1.0, "deterministic": 2.0, "fixed_release": 3.0}, [YES, YES]),
        ({"soft_bound": 2.0, "deterministic": 1.0, "fixed_release": 3.0}, [YES, NO]),
        ({"soft_bound": 1.0, "deterministic": 3.0, "fixed_release": 2.0}, [NO, YES]),
    ],
)
def test_energies_are_compared_at_equal_information(measured, spread, evidence, energies, expected):
    # Information rises with energy as its logarithm, for each model from another energy on.
    information, energy = xr.zeros_like(measured.information), xr.ones_like(measured.information)
    for model, factor in energies.items():
        reached = xr.DataArray([2.0, 1.0], dims="l2") + (0.3 if model == "deterministic" else 0.0)
        information.loc[{"model": model}] = reached
        energy.loc[{"model": model}] = factor * np.exp(reached) * (1 + spread)
    found = evidence(energy_at_information, measured.assign(information=information, synaptic_energy=energy))
    assert verdicts(found, S24) == expected
    ratio = energies["fixed_release"] / energies["deterministic"]
    assert found.measurements[0].measured == pytest.approx(ratio, rel=1e-3)


def test_curves_that_do_not_overlap_are_not_compared(measured, evidence):
    information = xr.ones_like(measured.information)
    information.loc[{"model": "deterministic"}] = 3.0
    found = evidence(energy_at_information, measured.assign(information=information))
    assert found.measurements[0].measured is None and "do not overlap" in found.measurements[0].reason
    assert verdicts(found, S24) == [OPEN, OPEN]


def test_equation_9_is_the_gradient_of_the_strength():
    found = evidence_of(strength_update(Context(seed=3)))
    assert verdicts(found, S25) == [YES]


def test_few_most_and_independent_are_judged_each(measured, spread, evidence):
    share = xr.full_like(measured.share_low_p, 0.9) + spread
    sparse = measured.assign(share_low_p=share, share_high_p=1 - share)
    assert verdicts(evidence(few_reliable_synapses, sparse), S02) == [YES, YES, YES]
    many = measured.assign(share_low_p=1 - share, share_high_p=share)
    assert verdicts(evidence(few_reliable_synapses, many), S02)[:2] == [NO, NO]
    shifted = sparse.share_high_p.copy()
    shifted.loc[{"model": "soft_bound_uniform"}] += 0.08 + spread / 2
    found = evidence(few_reliable_synapses, sparse.assign(share_high_p=shifted))
    assert verdicts(found, S02) == [YES, YES, NO]


def test_lesions_must_differ_at_every_fraction(measured, spread, evidence):
    lesion = xr.zeros_like(measured.lesion_accuracy)
    gentle = 0.5 + spread.broadcast_like(lesion.sel(order="release_probability"))
    lesion.loc[{"order": "release_probability"}] = gentle

    def verdict(fraction, accuracy):
        changed = lesion.copy()
        changed.loc[{"order": "random", "fraction": fraction}] = accuracy
        return verdicts(evidence(lesions, measured.assign(lesion_accuracy=changed)), S03)

    assert verdict(0.3, 0.0) == [YES]
    assert verdict(0.6, 0.9) == [NO]
    assert verdict(0.3, 0.5) == [OPEN]


@pytest.mark.parametrize(("factor", "superiority", "expected"), [(5.0, 0.8, YES), (0.2, 0.3, NO)])
def test_reliable_synapses_must_cost_more(measured, spread, evidence, factor, superiority, expected):
    mean = xr.ones_like(measured.energy_mean)
    mean.loc[{"importance": "high p"}] *= factor * (1 + spread)
    result = measured.assign(
        energy_mean=mean, energy_superiority=xr.full_like(measured.energy_superiority, superiority) + spread
    )
    assert verdicts(evidence(costly_synapses, result), S04) == [expected] * 2


@pytest.mark.parametrize(("rising", "expected"), [(True, NO), (False, YES)])
def test_the_best_fixed_p_lies_below_one_or_not(measured, evidence, rising, expected):
    p = measured.fixed_p if rising else 1.5 - measured.fixed_p
    noise = xr.DataArray([1.0, 1.01, 0.99], dims="variant_seed")[: measured.sizes["variant_seed"]]
    scan = xr.ones_like(measured.scan_information) * p * noise
    energy = xr.full_like(measured.scan_synaptic_energy, 1000.0)
    found = evidence(fixed_release, measured.assign(scan_information=scan, scan_synaptic_energy=energy))
    assert verdicts(found, S16) == [expected]
    assert found.measurements[0].measured == (1.0 if rising else 0.5)


@pytest.mark.filterwarnings("ignore:.*is used as it was made by other code")
def test_single_synapses_are_looked_at_in_ten_networks_where_there_are(measured, tmp_path):
    run = ArchivedRun("energy", measured, dict(PUBLISHED), {})
    assert shown_networks(run, Context()) is run
    assert shown_networks(run, Context("full", results=tmp_path)) is run
    stored = Path(__file__).parents[4] / "docs" / "results"
    ten = plastic_networks(run, Context("full", results=stored))
    assert {model: at.sizes["seed"] for model, at in ten.items()} == {"soft_bound": 10, "additive": 3}


def test_what_a_run_left_out_is_not_run(measured, evidence):
    left_out = [name for name in measured.data_vars if str(name).startswith(("step_size_", "scan_"))]
    result = measured.drop_vars(left_out)
    assert verdicts(evidence(fixed_release, result), S16) == [Verdict.NOT_RUN]
    assert verdicts(evidence(other_steps_of_p, result), S20) == [Verdict.NOT_RUN] * 2


def test_every_claim_has_a_figure(measured, evidence):
    for function in (information_per_energy, few_reliable_synapses, lesions, costly_synapses, fixed_release):
        found = evidence(function, measured)
        assert {figure.claim for figure in found.figures} == {found.measurements[0].claim}
        assert np.all([figure.caption.endswith(".") for figure in found.figures])
