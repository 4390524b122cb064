"""Release models are read from a database of the Allen Institute's schema, in the right units."""

import os
import sqlite3

import numpy as np
import pytest
import quantities as pq

from validation.claims.across.recorded_budgets import recorded_budgets
from validation.claims.across.recorded_release import of_fitted_synapses
from validation.context import Context
from validation.data.allen_synapses import allen_synapses_here, by_cell_class, read_allen_synapses
from validation.data.datastore import DataSetMissing, locate
from validation.registry import evidence_of

MODEL = "n_release_sites base_release_probability mini_amplitude mini_amplitude_cv depression_amount "
MODEL += "depression_tau facilitation_amount facilitation_tau measurement_stdev"
COLUMNS = ", ".join(f"ml_{name} FLOAT" for name in MODEL.split())


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "synphys.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE cell (id INTEGER, cre_type TEXT, cell_class TEXT);"
            "CREATE TABLE pair (id INTEGER, pre_cell_id INTEGER, post_cell_id INTEGER);"
            f"CREATE TABLE synapse_model (id INTEGER, pair_id INTEGER, n_source_events INTEGER, {COLUMNS});"
            "INSERT INTO cell VALUES (1, 'pvalb', 'in'), (2, 'unknown', 'ex'), (3, NULL, NULL);"
            "INSERT INTO pair VALUES (10, 1, 2), (11, 1, 2), (12, 2, 3), (13, 1, 2), (14, 1, 2), (15, 1, 2);"
        )
        rows = [
            (1, 10, 400, 5, 0.5, -2e-4, 0.3, -1, 0.2, 0.1, 0.05, 3e-4),
            (2, 11, 300, 7, 0.7, -1e-4, 0.3, -1, 0.1, 0.1, 0.05, 3e-4),
            (3, 12, 200, 2, 0.1, 3e-4, 0.4, 0.3, 0.1, 0.0, 0.01, 2e-4),
            (4, 13, 10, None, 0.1, 3e-4, 0.4, 0.3, 0.1, 0.0, 0.01, 2e-4),
            (5, 14, 10, 5, 0.5, -2e-4, 0.3, -1, -0.2, 0.1, 0.05, 3e-4),
            (6, 15, 10, 5, 0.5, -2e-4, -0.3, -1, 0.2, 0.1, 0.05, 3e-4),
        ]
        connection.executemany(f"INSERT INTO synapse_model VALUES ({', '.join('?' * 12)})", rows)
    connection.close()
    return path


def test_models_come_in_our_units_with_their_classes(database):
    synapses = read_allen_synapses(database)
    assert [s.pair for s in synapses] == [10, 11, 12]
    first, last = synapses[0], synapses[-1]
    assert (first.presynaptic, first.postsynaptic, last.postsynaptic) == ("pvalb", "ex", "unknown")
    assert first.q.rescale(pq.mV).magnitude == pytest.approx(-0.2) and first.recovery == 200 * pq.ms
    assert first.facilitation == 50 * pq.ms and float(first.noise.rescale("mV")) == pytest.approx(0.3)
    assert first.synapse.n == 5 and first.dynamics.p == 0.5 and first.depletes
    assert not last.depletes
    with pytest.raises(ValueError, match="pair 12 has a depression of p"):
        last.dynamics  # noqa: B018


def test_medians_by_class(database):
    rows = by_cell_class(read_allen_synapses(database), at_least=1)
    assert [(row.presynaptic, row.n_synapses) for row in rows] == [("pvalb", 2), ("ex", 1)]
    assert rows[0].p == pytest.approx(0.6) and rows[0].n == 6
    assert rows[1].cv_response == pytest.approx(((1 + 0.16 - 0.1) / (2 * 0.1)) ** 0.5)
    assert len(by_cell_class(read_allen_synapses(database), at_least=2)) == 1


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_allen_synapses(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("not a database at all, but some text " * 10)
    with pytest.raises(ValueError, match="no synaptic physiology database"):
        read_allen_synapses(tmp_path / "text.sqlite")
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    with pytest.raises(ValueError, match="no such table: synapse_model"):
        read_allen_synapses(tmp_path / "empty.sqlite")


def test_claims_take_the_database_when_the_user_has_it(database, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "allen"
    folder.mkdir(parents=True)
    monkeypatch.setenv("BRIANPRESYN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BRIANPRESYN_CACHE", str(tmp_path / "cache"))
    assert allen_synapses_here() == []
    database.rename(folder / "synphys_r2.1_small.sqlite")
    found = allen_synapses_here()
    assert [synapse.pair for synapse in found] == [10, 11, 12]
    assert float(found[0].mean) == pytest.approx(0.5) and found[0].mean.units == pq.mV
    assert float(found[0].sd) == pytest.approx((5 * 0.5 * (1 + 0.09 - 0.5)) ** 0.5 * 0.2)
    rows = list(of_fitted_synapses(found * 20, np.random.default_rng(1)))
    assert {row.condition["cells"] for row in rows} == {"all", "pvalb to ex", "ex to unknown"}
    assert all(0 < row.measured <= 1 and row.is_observation for row in rows)
    assert rows[0].estimate.unit == "synapses" and rows[0].estimate.n == 60
    assert list(of_fitted_synapses([], np.random.default_rng(1))) == []


@pytest.mark.data
def test_x11_draws_its_budgets_beside_the_others(database, tmp_path, monkeypatch):
    try:
        locate("ko2013", download=False), locate("sjostrom2001", download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    folder = tmp_path / "allen"
    folder.mkdir()
    database.rename(folder / "synphys_r2.1_small.sqlite")
    before = evidence_of(recorded_budgets(Context())).measurements
    usual = os.environ.get("BRIANPRESYN_DATA", "")
    monkeypatch.setenv("BRIANPRESYN_DATA", os.pathsep.join([usual, str(tmp_path)]))
    after = evidence_of(recorded_budgets(Context())).measurements
    assert after[-1].condition == {"connections": "Allen Institute"} and after[-1].estimate.n == 3
    # What was recorded elsewhere keeps its numbers.
    assert [row.measured for row in after[:-1]] == [row.measured for row in before]
