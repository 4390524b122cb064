"""What a measuring function finds in a result that a test has set."""

import pytest

from validation.archive import ArchivedRun
from validation.context import Context
from validation.registry import all_measures, evidence_of
from validation.statement import verdict_on


@pytest.fixture(scope="session")
def verdicts():
    """Return the verdicts on the clauses of a claim from a result, as if it were of the given settings."""

    def on(claim, function, result, config):
        experiment = next(measure.experiment for measure in all_measures() if measure.function is function)
        found = evidence_of(function(ArchivedRun(experiment, result, dict(config), {}), Context()))
        return [verdict_on(clause, found.measurements) for clause in claim.clauses]

    return on
