"""Every public argument refuses forty wrong values by its name (`tests.fuzz`; more with ``make fuzz``)."""

import pytest

from tests.fuzz import Fuzz, wrong_values


def test_there_are_forty_wrong_values():
    assert len(wrong_values()) == 40


@pytest.mark.parametrize("package", ["biophys", "rate_models"])
def test_wrong_values_are_refused_by_the_name_of_the_argument(package):
    found = [str(finding) for finding in Fuzz(package).findings()]
    assert found == []
