"""Do the tests notice a wrong formula? ``python -m tests.mutation`` changes one sign or number at a time.

Formulas are sampled from `FORMULAS`, in Python and in the text of Brian2 code; each change is made in a
process of its own, which runs the tests named beside the function. What they do not notice is printed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import inspect
import operator
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

FORMULAS = {
    "tests/biophys/test_association.py": "biophys.association: pearson regression_slope huber theil_sen "
    "inverse_regression linear_fit",
    "tests/biophys/test_bootstrap.py": "biophys.bootstrap: bca_ends",
    "tests/biophys/test_calcium.py": "biophys.calcium: HillRelation.calcium",
    "tests/biophys/test_cost_exponents.py": "biophys.cost_exponents: fit_cost_exponent _weighted_line",
    "tests/biophys/test_energy_budget.py": "biophys.energy_budget: BudgetLaw.allocation BudgetLaw.least_cv "
    "fit_budget_change",
    "tests/biophys/test_energy_costs.py": "biophys.energy_costs: CostLaw.__call__ CostLaw.local_exponent "
    "calcium_of_site",
    "tests/biophys/test_entropic_bound.py": "biophys.entropic_bound: entropic_cost bound_gap",
    "tests/biophys/test_estimates.py": "biophys.estimates: difference_of _wilson_ends _agresti_min_ends",
    "tests/biophys/test_gradient_threshold.py": "biophys.gradient_threshold: probability_above",
    "tests/biophys/test_information_efficiency.py": "biophys.information_efficiency: "
    "transmitted_information TransmissionCost.__call__ information_of_sum",
    "tests/biophys/test_optimal_precision.py": "biophys.optimal_precision: optimal_sd _newton",
    "tests/biophys/test_quantal.py": "biophys.quantal: QuantalSynapse.sd binomial_pmf n_sites_for "
    "sampling_errors",
    "tests/biophys/test_quantal_analysis.py": "biophys.quantal_analysis: _Moments.from_trials _p_and_q "
    "_from_three_moments",
    "tests/biophys/test_realisation_costs.py": "biophys.realisation_costs: _cheapest_n minimal_sd",
    "tests/biophys/test_release_plasticity.py": "biophys.release_plasticity: updated_release_probability",
    "tests/biophys/test_short_term.py": "biophys.short_term: ShortTermDynamics.states stationary_response",
    "tests/brianpresyn/test_counter_random.py": "brianpresyn.counter_random: released_sites normal _reached",
    "tests/brianpresyn/test_energy.py": "brianpresyn.energy: _term _waiting",
    "tests/brianpresyn/test_plasticity.py": "brianpresyn.plasticity: _statements; "
    "brianpresyn.update_signals: pair_stdp triplet_stdp",
    "tests/brianpresyn/test_quantal_noise.py": "brianpresyn.quantal_noise: _gamma; "
    "brianpresyn.release: spontaneous_release",
    "tests/brianpresyn/test_release.py": "brianpresyn.release: amplitude_model",
    "tests/brianpresyn/test_short_term.py": "brianpresyn.short_term: stochastic_tsodyks_markram "
    "tsodyks_markram",
    "tests/brianpresyn/test_unified_stdp.py": "brianpresyn.unified_stdp: pre_post_stdp",
    "tests/rate_models/test_draws.py": "rate_models.draws: normal_rows released_rows",
    "tests/rate_models/test_information.py": "rate_models.information: corrected_information "
    "information_interval _unseen_cells",
    "tests/rate_models/test_log_log_fits.py": "rate_models.log_log_fits: _fits",
    "tests/rate_models/test_metaplastic_uncertainty.py": "rate_models.metaplastic_uncertainty: "
    "_follow_with_leak",
    "tests/rate_models/nn/test_costs.py": "rate_models.nn.costs: gaussian_kl",
    "tests/rate_models/nn/test_energy.py": "rate_models.nn.energy: EnergyCounter._count",
    "tests/rate_models/nn/test_presynaptic_sgd.py": "rate_models.nn.functional: presynaptic_update",
    "tests/rate_models/test_quantal_realisation.py": "rate_models.quantal_realisation: realised_synapses",
    "tests/rate_models/test_release_odds.py": "rate_models.release_odds: ReleaseOdds.update",
    "tests/rate_models/test_reliability_cost.py": "rate_models.reliability_cost: EntropyCost.__call__ "
    "optimal_sigma",
    "tests/rate_models/test_sparsity.py": "rate_models.sparsity: ImportanceOfNeurons.bounds",
    "tests/rate_models/test_task_sequences.py": "rate_models.task_sequences: task_mixture",
    "tests/rate_models/test_training.py": "rate_models.optimisers: Adam.step",
    "tests/validation/test_agreement.py": "validation.agreement: agreement_of",
    "tests/validation/test_allen_synapses.py": "validation.data.allen_synapses: AllenSynapse.sd _synapse",
    "tests/validation/test_clause_chart.py": "validation.clause_chart: _scale",
    "tests/validation/test_criteria.py": "validation.criteria: _Region.answer _Region.slack "
    "_Significant.answer",
    "tests/validation/claims/across/test_release_statistics.py": "validation.claims.across."
    "same_release: compared",
    "tests/validation/claims/across/test_stdp_generalisation.py": "brianpresyn.experiments."
    "stdp_recordings: explained_share",
    "tests/validation/claims/malkin2023/test_optimal_variance.py": "validation.claims.malkin2023."
    "optimal_variance: two_synapses",
    "tests/validation/claims/malkin2023/test_posteriors.py": "validation.claims.malkin2023."
    "noise_and_posterior: noise_of_a_posterior",
    "tests/validation/claims/malkin2023/test_quantal_model.py": "validation.claims.malkin2023."
    "optimal_variance: quantal_moments",
    "tests/validation/claims/schug2021/test_energy.py": "validation.claims.schug2021.important_synapses: "
    "strength_update",
    "tests/validation/claims/schug2021/test_important_synapses.py": "validation.claims.schug2021."
    "important_synapses: gradients_above_threshold",
    "tests/validation/experiments/test_converted_network.py": "validation.experiments.converted_network: "
    "logits_with_averaged_release work_of",
}
"""Functions of a module by the tests that should notice when one of them is wrong."""

_SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
            ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}  # fmt: skip
_IN_TEXT = {"+": "-", "-": "+", "*": "/", "/": "*"}
_LONGEST = 1200


def mutants(module: str, name: str) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """Yield what is changed, the function, and its changed code, for every change of a function or method."""
    member = operator.attrgetter(name)(importlib.import_module(module))
    function = inspect.unwrap(getattr(member, "fget", getattr(member, "__func__", member)))
    # What measures a claim is kept by what places its rows.
    function = inspect.getclosurevars(function).nonlocals.get("function", function)
    source = textwrap.dedent(inspect.getsource(function))
    for number in range(10**6):
        tree = ast.parse(source)
        definition = tree.body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.decorator_list = []
        docstring = ast.get_docstring(definition, clean=False)
        changes = list(_changes(definition, docstring))
        if number >= len(changes):
            return
        line, described, change = changes[number]
        change()
        space = dict(function.__globals__)
        exec(compile(ast.fix_missing_locations(tree), inspect.getfile(function), "exec"), space)
        yield f"{module}.{name} line {line}: {described}", function, space[definition.name].__code__


def _changes(
    definition: ast.FunctionDef, docstring: str | None
) -> Iterator[tuple[int, str, Callable[[], None]]]:
    """Yield where, what and how one operator or number can be changed."""
    # Defaults belong to the definition, not to its code.
    for node in (node for statement in definition.body for node in ast.walk(statement)):
        if isinstance(node, ast.BinOp) and type(node.op) in _SWAPPED:
            new = _SWAPPED[type(node.op)]
            yield node.lineno, f"{type(node.op).__name__} -> {new.__name__}", _set(node, "op", new())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPPED:
            new = _SWAPPED[type(node.ops[0])]
            yield (
                node.lineno,
                f"{type(node.ops[0]).__name__} -> {new.__name__}",
                _set(node, "ops", [new(), *node.ops[1:]]),
            )
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node.lineno, f"{node.value} -> {node.value + 1}", _set(node, "value", node.value + 1)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != docstring:
            for match in re.finditer(r"(?<=[\w) ])[-+*/](?=[=\w( {])", node.value):
                k, sign = match.start(), match.group()
                text = node.value[:k] + _IN_TEXT[sign] + node.value[k + 1 :]
                yield node.lineno, f"{node.value!r} -> {text!r}", _set(node, "value", text)


def _set(node: ast.AST, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def is_noticed(function: Callable[..., Any], code: Any, tests: str) -> bool:
    """Run the tests with the changed function in a process of their own; return whether one fails."""
    child = os.fork()
    if not child:
        signal.alarm(_LONGEST)
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            function.__code__ = code
            options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not standalone and not slow"]
            os._exit(int(pytest.main([*options, tests])))
    return os.waitpid(child, 0)[1] != 0


def main() -> None:
    """Print the changes that no test notices, and how many were tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "packages", nargs="*", default=("biophys", "brianpresyn", "rate_models", "validation")
    )
    parser.add_argument("--number", type=int, default=25, help="changes to try in each package")
    parser.add_argument("--seed", type=int, default=1, help="chooses them")
    chosen = parser.parse_args()
    n_survivors = 0
    for package in chosen.packages:
        every = []
        for tests, names in FORMULAS.items():
            for module, _, functions in (each.partition(": ") for each in names.split("; ")):
                if module.split(".")[0] == package:
                    every += [(tests, *each) for name in functions.split() for each in mutants(module, name)]
        picked = np.random.default_rng(chosen.seed).permutation(len(every))[: chosen.number]
        survivors, tried = 0, set()
        for tests, described, function, code in (every[k] for k in sorted(picked)):
            if tests not in tried and is_noticed(function, function.__code__, tests):
                sys.exit(f"{tests} fails without a change")
            tried.add(tests)
            if not is_noticed(function, code, tests):
                survivors += 1
                print(f"not noticed by {tests}: {described}", flush=True)
        print(f"{package}: {len(picked)} of {len(every)} changes tried, {survivors} not noticed", flush=True)
        n_survivors += survivors
    sys.exit(n_survivors > 0)


if __name__ == "__main__":
    main()
