"""S05-S08, S19 and S26-S29: verdicts follow the numbers given, each clause by itself."""

import numpy as np
import pytest
import xarray as xr

from biophys.gradient_threshold import probability_above, ratio_to_formula
from validation.claims.schug2021.important_synapses import (
    LAWS,
    S05,
    S06,
    S07,
    S08,
    S19,
    S26,
    S27,
    S28,
    S29,
    fisher_information,
    gradients_above_threshold,
    gradients_in_networks,
    important_inputs,
    inputs_and_outputs,
    learning_rate_and_batches,
    neurons_by_importance,
    training_longer,
)
from validation.context import Context
from validation.criteria import Answer
from validation.published_settings import published_settings
from validation.registry import evidence_of
from validation.statement import Verdict, verdict_on

PUBLISHED = published_settings("energy")

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN
SMALL = {"data_set": "digits"}


def verdicts(found, claim):
    return [verdict_on(clause, found.measurements) for clause in claim.clauses]


def constant(values, number, spread):
    return xr.full_like(values, number) + spread


@pytest.mark.parametrize(("factor", "superiority", "expected"), [(5.0, 0.8, YES), (0.2, 0.3, NO)])
def test_reliable_synapses_must_have_more_fisher_information(
    measured, spread, evidence, factor, superiority, expected
):
    mean = xr.ones_like(measured.fisher_mean)
    mean.loc[{"importance": "high p"}] *= factor * (1 + spread)
    pairs = constant(measured.fisher_superiority, superiority, spread)
    result = measured.assign(fisher_mean=mean, fisher_superiority=pairs)
    assert verdicts(evidence(fisher_information, result), S05) == [expected] * 2


def distances(measured, spread, *, d=0.5, p=1e-9, p_output=0.4):
    """Return a result with these KS distances, and with p-values that are others for the output neurons."""
    chance = xr.full_like(measured.neuron_ks_p, p)
    chance.loc[{"layer": int(measured.layer[-1]), "side": "inputs"}] = p_output
    return measured.assign(neuron_ks_d=constant(measured.neuron_ks_d, d, spread), neuron_ks_p=chance)


def test_each_statement_on_the_shuffle_is_judged_by_itself(measured, spread, evidence):
    # Three networks are too few to say what most do.
    found = evidence(important_inputs, distances(measured, spread))
    assert verdicts(found, S06) == [YES, YES, YES, OPEN]
    assert verdicts(evidence(important_inputs, distances(measured, spread, d=0.2)), S06)[1] is NO
    wide = distances(measured, 20 * spread)
    assert verdicts(evidence(important_inputs, wide), S06)[1] is OPEN
    result = distances(measured, spread)
    result.neuron_ks_p.loc[{"layer": 2, "side": "inputs", "seed": 2}] = 0.2
    assert verdicts(evidence(important_inputs, result), S06)[:3] == [OPEN, YES, YES]
    result = distances(measured, spread)
    result.neuron_ks_p.loc[{"layer": 3, "side": "outputs", "seed": 2}] = 0.2
    assert verdicts(evidence(important_inputs, result), S06)[:3] == [YES, YES, OPEN]


@pytest.mark.parametrize(("growth", "expected"), [(0.0, YES), (0.2, NO)])
def test_reliable_synapses_are_kept_when_training_goes_on(measured, spread, evidence, growth, expected):
    twice = {"epoch": [50, 100]}
    r = xr.full_like(measured.threshold_r, 0.8) + spread
    share = xr.full_like(measured.important_share, 0.3) + growth * xr.DataArray([0, 1], dims="epoch")
    result = measured.assign(threshold_r=r, important_share=share + 1e-3 * spread).assign_coords(twice)
    longer = {**PUBLISHED, "n_epochs": 100}
    found = evidence(training_longer, result, longer)
    assert verdicts(found, S28) == [YES] and verdicts(found, S29) == [expected]
    result.threshold_r.loc[{"threshold": 0.95, "hidden_layer": 2, "epoch": 50}] = -0.5
    assert verdicts(evidence(training_longer, result, longer), S28) == [NO]
    # Of states at other epochs it is not the published statement that is judged.
    early = evidence(training_longer, result.assign_coords(epoch=[25, 50]), PUBLISHED)
    assert verdicts(early, S29)[0] not in (YES, NO)


@pytest.mark.parametrize(("p", "expected"), [(0.4, YES), (1e-4, NO)])
def test_ten_networks_say_whether_output_neurons_differ(measured, spread, evidence, p, expected):
    result = distances(measured, spread, p_output=p)
    ten = result.isel(seed=np.arange(10) % 3).assign_coords(seed=range(10))
    assert verdicts(evidence(important_inputs, ten), S06)[3] is expected


def test_published_numbers_do_not_judge_smaller_networks(measured, spread, evidence):
    small = evidence(important_inputs, distances(measured, spread, d=0.1), SMALL)
    assert verdicts(small, S06)[1] is Verdict.NOT_RUN
    result = measured.assign(input_output_r=constant(measured.input_output_r, 0.5, spread))
    assert verdicts(evidence(inputs_and_outputs, result, SMALL), S08)[1:] == [Verdict.NOT_RUN] * 2


@pytest.mark.parametrize(("more", "expected"), [(0.3, YES), (-0.3, NO)])
def test_neurons_of_low_and_high_importance_must_abound(measured, spread, evidence, more, expected):
    result = measured.assign(
        neuron_group_share=constant(measured.neuron_group_share, 0.4 + more, spread),
        neuron_shuffled_group_share=xr.full_like(measured.neuron_group_share, 0.4),
    )
    assert verdicts(evidence(neurons_by_importance, result), S07) == [expected] * 2


def test_correlations_are_judged_by_sign_and_by_size(measured, spread, evidence):
    r = constant(measured.input_output_r, 0.8, spread)

    def verdict(first):
        changed = r.copy()
        changed.loc[{"hidden_layer": 1}] = first + spread.broadcast_like(r.sel(hidden_layer=1)) / 10
        return verdicts(evidence(inputs_and_outputs, measured.assign(input_output_r=changed)), S08)

    assert verdict(0.94) == [YES, YES, YES]
    assert verdict(0.85) == [YES, NO, YES]
    assert verdict(-0.5) == [NO, NO, YES]


def test_formula_of_the_threshold_is_recovered_and_a_wrong_one_noticed():
    assert verdicts(evidence_of(gradients_above_threshold(Context(seed=11))), S19)[:3] == [YES] * 3
    sd = np.geomspace(0.5, 3, 5)
    shares = probability_above(1.0, sd)
    answers = [
        LAWS["normal"].criterion.answer(ratio_to_formula(factor * shares, sd, "normal", 1_000_000))
        for factor in (1.0, 1.05, 1.1)
    ]
    assert answers == [Answer.YES, Answer.OPEN, Answer.NO]


def test_the_rule_of_the_networks_follows_the_formula(measured, evidence):
    drawn = [
        m for m in evidence(gradients_in_networks, measured).measurements if m.condition.get("gradients")
    ]
    assert [m.clause for m in drawn] == ["S19a", "S19b"]
    for m in drawn:
        low, high = m.estimate.interval_at(1e-6)
        assert low < 1 < high


@pytest.mark.parametrize(("sign", "expected"), [(1, YES), (-1, NO)])
def test_real_gradients_must_pass_more_often_with_more_fisher_information(measured, evidence, sign, expected):
    rng = np.random.default_rng(1)
    squared = measured.mean_squared_gradient.copy(data=rng.random(measured.mean_squared_gradient.shape))
    noise = 0.2 * rng.random(squared.shape)
    result = measured.assign(mean_squared_gradient=squared, share_above=sign * squared + noise)
    assert verdicts(evidence(gradients_in_networks, result), S19)[3] is expected
    # Batches of independent gradients say nothing of the single ones.
    assert verdicts(evidence(learning_rate_and_batches, result), S27) == [NO]


@pytest.mark.parametrize(("r", "expected"), [(0.4, YES), (-0.4, NO)])
def test_the_learning_rate_must_fall_with_fisher_information(measured, spread, evidence, r, expected):
    result = measured.assign(fisher_pearson=constant(measured.fisher_pearson, r, spread))
    assert verdicts(evidence(learning_rate_and_batches, result), S26) == [expected]


def test_the_ratio_of_drawn_gradients_has_the_error_of_their_number():
    sd, n = np.array([0.5, 1.0, 2.0]), 400
    share = probability_above(1.0, sd, law="normal")
    estimate = ratio_to_formula(share, sd, "normal", n)
    assert estimate.value == pytest.approx(1.0)
    error = np.sqrt((share * (1 - share) / n / share**2).sum()) / 3
    assert estimate.interval[1] - 1 == pytest.approx(1.96 * error, rel=1e-3)
