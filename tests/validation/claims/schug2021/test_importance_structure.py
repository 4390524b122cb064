"""Claims on the synapses and neurons of the energy experiment: verdicts follow the numbers given."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from biophys.gradient_threshold import probability_above
from rate_models.experiments.energy_efficiency import QUICK, Config
from validation.archive import ArchiveError, archive_run
from validation.claims import importance_structure
from validation.claims.claim import Verdict
from validation.claims.over_seeds import seed_estimate
from validation.context import Context
from validation.runs import result_for


def verdicts(evidence, claim, *, main=True):
    return [m.verdict for m in evidence.measurements if m.claim == claim and m.is_supporting != main]


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


def test_results_of_another_configuration_are_refused(measured, tmp_path):
    archive_run(tmp_path / "energy.nc", "energy", measured, dataclasses.replace(QUICK, n_epochs=2))
    with pytest.raises(ArchiveError, match="data_set is 'digits', asked for 'mnist'"):
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
