"""Claims on the energy experiment: estimates over seeds, and verdicts that follow the numbers given."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from biophys.gradient_threshold import probability_above
from rate_models.experiments.energy_efficiency import QUICK, Config, run
from validation.archive import ArchiveError, archive_run
from validation.claims import importance_structure
from validation.claims.claim import Context, Verdict
from validation.claims.energy_efficiency import evidence_of
from validation.claims.over_seeds import seed_estimate
from validation.runs import result_for

TINY = dataclasses.replace(
    QUICK,
    models=("soft_bound", "soft_bound_uniform", "additive", "deterministic", "fixed_release"),
    l2=(0.0, 0.01),
    seeds=(1, 2, 3),
    hidden_units=(12, 10),
    n_epochs=2,
    evaluate_every=1,
    n_samples=2,
    scanned_p=(0.5, 1.0),
    lesion_fractions=(0.0, 0.3, 0.6, 1.0),
    n_shuffles=3,
    n_gradient_synapses=5,
)


@pytest.fixture(scope="module")
def measured():
    """Return a result whose networks answer well, so that every number may be set by a test."""
    result = run(TINY)
    for prefix in ("", "step_size_", "scan_"):
        result[f"{prefix}accuracy"] = xr.ones_like(result[f"{prefix}accuracy"])
    return result


def with_ratios(result, **bits):
    """Return the result with energies of 1000 and the information given for each model, plus seed noise."""
    noise = xr.DataArray([0.99, 1.0, 1.01], dims="seed")
    information = xr.full_like(result.information, np.nan)
    for model, value in bits.items():
        information.loc[{"model": model}] = value * noise
    energy = xr.full_like(information, 1000.0)
    return result.assign(information=information, synaptic_energy=energy).assign_attrs(
        sizes=[64, 200, 200, 10]
    )


def verdicts(evidence, claim, *, main=True):
    return [m.verdict for m in evidence.measurements if m.claim == claim and m.is_supporting != main]


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ({"soft_bound": 3.0, "deterministic": 2.0, "fixed_release": 1.0}, [Verdict.REPRODUCED] * 2),
        (
            {"soft_bound": 2.0, "deterministic": 3.0, "fixed_release": 1.0},
            [Verdict.NOT_REPRODUCED, Verdict.REPRODUCED],
        ),
        (
            {"soft_bound": 3.0, "deterministic": 1.0, "fixed_release": 2.0},
            [Verdict.REPRODUCED, Verdict.NOT_REPRODUCED],
        ),
    ],
)
def test_the_ordering_of_models_decides_s01(measured, bits, expected):
    assert verdicts(evidence_of(with_ratios(measured, **bits)), "S01") == expected


def test_small_networks_leave_the_ordering_open(measured):
    result = with_ratios(measured, soft_bound=3.0, deterministic=2.0, fixed_release=1.0)
    found = verdicts(evidence_of(result.assign_attrs(sizes=[64, 50, 50, 10])), "S01")
    assert found == [Verdict.INCONCLUSIVE] * 2


def test_collapsed_models_leave_the_ordering_open(measured):
    result = with_ratios(measured, soft_bound=3.0, deterministic=2.0, fixed_release=1.0)
    accuracy = result.accuracy.copy()
    accuracy.loc[{"model": "fixed_release"}] = 0.1
    found = verdicts(evidence_of(result.assign(accuracy=accuracy)), "S01")
    assert found == [Verdict.REPRODUCED, Verdict.INCONCLUSIVE]


def test_lesions_must_differ_at_every_fraction(measured):
    lesion = xr.zeros_like(measured.lesion_accuracy)
    noise = xr.DataArray([-0.01, 0.0, 0.01], dims="seed")
    lesion.loc[{"order": "release_probability"}] = 0.5 + noise.broadcast_like(
        lesion.sel(order="release_probability")
    )
    good = measured.assign(lesion_accuracy=lesion)
    assert verdicts(evidence_of(good), "S03") == [Verdict.REPRODUCED]
    worse = lesion.copy()
    worse.loc[{"order": "random", "fraction": 0.6}] = 0.9
    assert verdicts(evidence_of(measured.assign(lesion_accuracy=worse)), "S03") == [Verdict.NOT_REPRODUCED]
    same = lesion.copy()
    same.loc[{"order": "random", "fraction": 0.3}] = 0.5
    assert verdicts(evidence_of(measured.assign(lesion_accuracy=same)), "S03") == [Verdict.INCONCLUSIVE]


def test_sparsity_is_judged_at_the_published_network_size_only(measured):
    assert set(verdicts(evidence_of(measured), "S02")) == {Verdict.INCONCLUSIVE}
    share = xr.full_like(measured.share_low_p, 0.9) + xr.DataArray([-0.01, 0.0, 0.01], dims="seed")
    wide = measured.assign(share_low_p=share, share_high_p=1 - share).assign_attrs(sizes=[64, 200, 200, 10])
    assert set(verdicts(evidence_of(wide), "S02")) == {Verdict.REPRODUCED}


def test_high_p_synapses_must_have_more_fisher_information(measured):
    noise = xr.DataArray([-0.01, 0.0, 0.01], dims="seed")
    mean = xr.ones_like(measured.fisher_mean) * (1 + noise)
    mean.loc[{"importance": "high p"}] *= 5.0 * (1 + noise)
    base = measured.assign(fisher_mean=mean)
    more = base.assign(fisher_superiority=xr.full_like(measured.fisher_superiority, 0.8) + noise)
    less = base.assign(fisher_superiority=xr.full_like(measured.fisher_superiority, 0.3) + noise)
    found = importance_structure.evidence_of(more)
    assert verdicts(found, "S05") == [Verdict.REPRODUCED] * 2
    assert verdicts(importance_structure.evidence_of(less), "S05")[0] is Verdict.NOT_REPRODUCED


def test_published_numbers_are_compared_at_the_published_size_only(measured):
    quantities = [m.published for m in importance_structure.evidence_of(measured).measurements]
    assert 0.505 not in quantities and 0.9390 not in quantities
    full = measured.assign_attrs(data_set="mnist", sizes=[784, 200, 200, 10]).assign_coords(epoch=[25, 50])
    found = [m for m in importance_structure.evidence_of(full).measurements if m.published == 0.505]
    assert len(found) == 1 and found[0].interval is not None


def test_gradients_are_measured_against_the_formula(measured):
    drawn = [
        m
        for seed in range(5)
        for m in importance_structure.gradient_evidence(measured, Context(seed=seed)).measurements
        if m.condition.get("gradients")
    ]
    # Each of the ten chi-square tests fails once in a thousand times.
    assert [m.verdict for m in drawn].count(Verdict.REPRODUCED) >= 9
    for law in ("normal", "Laplace"):
        above = probability_above(1.0, np.geomspace(0.3, 10, 8), law=law)
        error = np.sqrt(np.sum((1 - above) / above / 50_000)) / 8 / np.sqrt(5)
        ratios = [m.measured for m in drawn if m.condition["gradients"] == law]
        assert np.mean(ratios) == pytest.approx(1, abs=5 * error)


def test_evidence_has_a_figure_for_every_claim(measured):
    figures = {figure.claim for figure in evidence_of(measured).figures}
    assert figures == {"S01", "S02", "S03", "S04", "S15", "S16", "S20"}


def test_what_a_run_left_out_is_skipped(measured):
    left_out = [name for name in measured.data_vars if str(name).startswith(("step_size_", "scan_"))]
    evidence = evidence_of(measured.drop_vars(left_out))
    assert verdicts(evidence, "S16") == verdicts(evidence, "S20") == [Verdict.SKIPPED]


def test_results_of_another_configuration_are_refused(measured, tmp_path):
    archive_run(tmp_path / "energy.nc", "energy", measured, TINY)
    with pytest.raises(ArchiveError, match="data_set='digits', expected 'mnist'"):
        result_for("energy", Context(profile="full", results=tmp_path))
    archive_run(tmp_path / "energy.nc", "energy", measured, Config(seeds=(1,)))
    assert result_for("energy", Context(profile="full", results=tmp_path)).config["seeds"] == [1]


def test_estimates_are_those_of_student():
    from scipy import stats

    values = [0.9, 1.1, 1.3, 1.0]
    of = seed_estimate([*values, np.nan])
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    np.testing.assert_allclose(of.interval, expected)
    assert of.n == 4
    assert of.next_network[0] < of.interval[0] and of.could_give(0.7) and not of.could_give(2.0)
    assert [of.verdict_above(bound) for bound in (0.5, 1.0, 2.0)] == [
        Verdict.REPRODUCED,
        Verdict.INCONCLUSIVE,
        Verdict.NOT_REPRODUCED,
    ]


def test_correlations_and_ratios_keep_to_their_range():
    r = seed_estimate([0.99, 0.95, 0.999], "correlation")
    assert -1 < r.interval[0] < r.mean < r.interval[1] < 1
    ratio = seed_estimate([0.5, 2.0], "ratio")
    assert ratio.mean == pytest.approx(1.0) and ratio.interval[0] > 0


def test_single_networks_give_no_interval():
    assert np.isnan(seed_estimate([1.0]).interval).all()
    assert seed_estimate([1.0]).verdict_above(0.0) is Verdict.INCONCLUSIVE
    assert seed_estimate([]).n == 0
