"""What a measuring function finds in a result that a test has set."""

import pytest

from validation.archive import ArchivedRun
from validation.context import Context
from validation.registry import all_measures, evidence_of
from validation.statement import verdict_on


@pytest.fixture(scope="session")
def verdicts():
    """Return the verdicts on the clauses of a claim from a result, as if it were of the given settings."""

    def on(claim, functions, result, config):
        functions = functions if isinstance(functions, tuple) else (functions,)
        measures = [measure for measure in all_measures() if measure.function in functions]
        run = ArchivedRun(measures[0].experiment, result, dict(config), {})
        rows = [row for each in measures for row in evidence_of(each.function(run, Context())).measurements]
        return [verdict_on(clause, rows) for clause in claim.clauses]

    return on
