"""Values of another type are refused where a user gives them, with their name and an example."""

import sys
import types
from collections.abc import Mapping, Set

import numpy as np
import pytest
import quantities as pq

from biophys.absolute_costs import budget_table
from biophys.argument_types import check_kind, check_public, check_type
from biophys.constants import Constant, atp_of, joules_of
from biophys.cost_exponents import sweep_cost
from biophys.energy_budget import fit_budget_change, implied_budget
from biophys.energy_costs import CostMixture, actin_cost, calcium_of_site
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from biophys.quantal import QuantalSynapse
from biophys.quantal_recovery import recovery_by_likelihood, recovery_by_moments, recovery_by_variance_mean
from biophys.short_term import ShortTermDynamics, stationary_response

SYNAPSE = QuantalSynapse(5, 0.5, 0.2 * pq.mV)
SIZES = {"n_trials": 50, "n_repeats": 3, "rng": np.random.default_rng(1)}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (list, r"seeds must be of type list, such as \[1\], got 3"),
        ((list, tuple), r"seeds must be of type list or tuple, such as \[1\], got 3"),
    ],
)
def test_kinds_are_named(kind, message):
    check_kind([], kind, "seeds", "[1]")
    with pytest.raises(TypeError, match=message):
        check_kind(3, kind, "seeds", "[1]")


@pytest.mark.parametrize("synapse", [0.5, "synapse", ShortTermDynamics(0.5)])
@pytest.mark.parametrize(
    "call",
    [
        lambda synapse: stationary_response(synapse, ShortTermDynamics(0.5), 20 * pq.Hz),
        lambda synapse: sweep_cost(actin_cost(), synapse, varying="n", values=[1, 8]),
        lambda synapse: budget_table(synapse, 4 * pq.Hz),
        lambda synapse: recovery_by_moments(synapse, **SIZES),
        lambda synapse: recovery_by_likelihood(synapse, noise_sd=0.1 * pq.mV, **SIZES),
        lambda synapse: recovery_by_variance_mean(synapse, other_p=[0.2, 0.9], **SIZES),
    ],
)
def test_what_is_no_synapse_is_refused(call, synapse):
    with pytest.raises(TypeError, match=r"synapse must be of type QuantalSynapse, such as QuantalSynapse\("):
        call(synapse)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: implied_budget(x, 0.1 * pq.mV), "mean"),
        (lambda x: fit_budget_change(x, x, x, x), "mean_before"),
        (lambda x: joules_of(x), "atp"),
        (lambda x: atp_of(x), "energy"),
        (lambda x: atp_of(1 * pq.J, x), "free_energy"),
        (lambda x: calcium_of_site(x), "per_vesicle"),
        (lambda x: Constant(x, x, x, "source"), "value"),
    ],
)
@pytest.mark.parametrize("value", [1.0, [1.0, 2.0], "1 mV", None])
def test_numbers_without_a_unit_are_refused(call, name, value):
    with pytest.raises(TypeError, match=f"^{name} must carry a unit"):
        call(value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CostMixture("actin"), "laws must be a tuple of CostLaw, got 'actin'"),
        (lambda: CostMixture((actin_cost(), 2)), "laws must be a tuple of CostLaw, got .* 2"),
        (
            lambda: optimal_sd(1 / pq.mV**2, 2.0),
            "cost must be of type ReliabilityCost or a sequence of ReliabilityCost, got 2",
        ),
        (
            lambda: optimal_sd(1 / pq.mV**2, [ReliabilityCost(2.0, 0.5 * pq.mV), actin_cost()]),
            "cost must be of type ReliabilityCost or a sequence of ReliabilityCost, got .*CostLaw",
        ),
        (lambda: stationary_response(SYNAPSE, 0.5, 20 * pq.Hz), "dynamics must be of type ShortTermDynamics"),
    ],
)
def test_what_is_no_cost_or_dynamics_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_members_of_mappings_and_sets_are_judged():
    check_type({"p": 1}, Mapping[str, int], "numbers")
    check_type({"p"}, Set[str], "names")
    with pytest.raises(
        TypeError, match=r"numbers must be a mapping of texts to whole numbers, got {'p': '1'}"
    ):
        check_type({"p": "1"}, Mapping[str, int], "numbers")
    with pytest.raises(TypeError, match=r"names must be a set of texts, got \{3\}"):
        check_type({3}, Set[str], "names")


def test_all_that_is_public_in_a_module_is_checked_but_what_it_leaves_out(monkeypatch):
    module = types.ModuleType("some_module")
    module.public, module._private = (lambda p: p), (lambda p: p)
    module.Result = type("Result", (), {"move": lambda self, p: p})
    for each in (module.public, module._private, module.Result.move, module.Result):
        each.__module__, each.__annotations__ = "some_module", {"p": int}
    monkeypatch.setitem(sys.modules, "some_module", module)
    check_public("some_module", but=("Result",))
    with pytest.raises(TypeError, match="p must be a whole number, got 'x'"):
        module.public("x")
    module._private("x")
    module.Result().move("x")
