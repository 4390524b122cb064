"""Release models of the Allen Institute's synaptic physiology database, read with `sqlite3` alone.

The database (https://portal.brain-map.org/connectivity/synaptic-physiology; Campagnola L et al. 2022, Science
375:eabj5861, doi:10.1126/science.abj5861) is under the Institute's terms of use, which forbid commercial
redistribution: you download it yourself. Its table ``synapse_model`` holds, for each pair of cells, the
likeliest parameters of a model of stochastic release, in SI units.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq

from biophys.argument_types import checked_types
from biophys.quantal import QuantalSynapse
from biophys.short_term import ShortTermDynamics
from validation.data.data_sets import DATA_SETS
from validation.data.datastore import DataSetMissing, locate

# Fields of `AllenSynapse`: column of the database, and what its unit is there.
_COLUMNS: dict[str, tuple[str, Any]] = {
    "n": ("n_release_sites", 1.0),
    "p": ("base_release_probability", 1.0),
    "q": ("mini_amplitude", 1e3 * pq.mV),
    "cv_within": ("mini_amplitude_cv", 1.0),
    "depletes": ("depression_amount", 1.0),
    "recovery": ("depression_tau", 1e3 * pq.ms),
    "facilitation_amount": ("facilitation_amount", 1.0),
    "facilitation": ("facilitation_tau", 1e3 * pq.ms),
    "noise": ("measurement_stdev", 1e3 * pq.mV),
}
# The database's mark of vesicle depletion instead of a depression of p.
_DEPLETION = -1.0


@dataclass(frozen=True)
class AllenSynapse:
    """Release model of one pair of cells.

    Parameters
    ----------
    pair : its number in the database
    presynaptic, postsynaptic : class of the cells: Cre line if there is one, else their class
    n, p, q, cv_within
        Number of sites, release probability at rest, response to one vesicle (mV) and its variation.
    depletes : whether sites empty; otherwise p is depressed by each spike whether or not it releases
    recovery, facilitation, facilitation_amount
        Time constants of depression and of facilitation, and the increment f of the latter.
    noise, n_responses : standard deviation of the measurement (mV), and how many responses were fitted
    """

    pair: int
    presynaptic: str
    postsynaptic: str
    n: float
    p: float
    q: pq.Quantity
    cv_within: float
    depletes: bool
    recovery: pq.Quantity
    facilitation: pq.Quantity
    facilitation_amount: float
    noise: pq.Quantity
    n_responses: int

    @property
    def synapse(self) -> QuantalSynapse:
        """The synapse at rest, with the nearest whole number of sites."""
        return QuantalSynapse(max(int(np.rint(self.n)), 1), self.p, self.q)

    @property
    def mean(self) -> pq.Quantity:
        """Mean response at rest, without its sign."""
        return self.n * self.p * abs(self.q)

    @property
    def sd(self) -> pq.Quantity:
        """Standard deviation of the response at rest, quantal variability included."""
        variance = self.n * self.p * max(1.0 + self.cv_within**2 - self.p, 0.0)
        return np.sqrt(variance) * abs(self.q)

    @property
    def dynamics(self) -> ShortTermDynamics:
        """The short-term dynamics, if sites deplete and f is close to p, as Tsodyks and Markram have it.

        ValueError if p is depressed by spikes themselves: that is another model.
        """
        if not self.depletes:
            raise ValueError(f"pair {self.pair} has a depression of p, not of full sites")
        return ShortTermDynamics(self.p, self.recovery, self.facilitation)


@checked_types
def read_allen_synapses(path: str | Path) -> list[AllenSynapse]:
    """Return the release models of all pairs that have one.

    Parameters
    ----------
    path : the database, such as ``synphys_r2.1_small.sqlite``; it is opened for reading only

    Raises
    ------
    FileNotFoundError : if there is no such file
    ValueError : if it is no such database
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    with sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True) as connection:
        try:
            rows = connection.execute(_QUERY).fetchall()
        except sqlite3.DatabaseError as error:
            wanted = "synaptic physiology database with release models (release 2.1)"
            raise ValueError(f"{path}: {error}; this is no {wanted}") from None
    connection.close()
    return [synapse for synapse in map(_synapse, rows) if synapse is not None]


def allen_synapses_here() -> list[AllenSynapse]:
    """Return the release models of the database if a folder of `BRIANPRESYN_DATA` holds it, else none."""
    try:
        folder = locate("allen_synapses", download=False)
    except DataSetMissing:
        return []
    return read_allen_synapses(folder / DATA_SETS["allen_synapses"].files[0].name)


_QUERY = f"""
SELECT model.pair_id, model.n_source_events, pre.cre_type, pre.cell_class, post.cre_type, post.cell_class,
{", ".join(f"model.ml_{column}" for column, _ in _COLUMNS.values())}
FROM synapse_model AS model
JOIN pair ON pair.id = model.pair_id
JOIN cell AS pre ON pre.id = pair.pre_cell_id
JOIN cell AS post ON post.id = pair.post_cell_id
ORDER BY model.pair_id
"""


def _synapse(row: Sequence[Any]) -> AllenSynapse | None:
    """Return the synapse of a row of the query; None unless all parameters are there and are of a synapse."""
    pair, n_responses, *classes = row[:6]
    if not all(isinstance(value, int | float) and np.isfinite(value) for value in row[6:]):
        return None
    fields: dict[str, Any] = {
        name: float(value) * unit for (name, (_, unit)), value in zip(_COLUMNS.items(), row[6:], strict=True)
    }
    fields["depletes"] = fields["depletes"] == _DEPLETION
    least = min(float(value) for name, value in fields.items() if name not in ("q", "depletes"))
    if least < 0 or fields["n"] == 0 or fields["p"] > 1 or fields["q"].magnitude == 0:
        return None
    before, after = _class_of(*classes[:2]), _class_of(*classes[2:])
    return AllenSynapse(int(pair), before, after, **fields, n_responses=int(n_responses or 0))


def _class_of(cre: object, cell_class: object) -> str:
    for value in (cre, cell_class):
        if isinstance(value, str) and value not in ("", "unknown"):
            return value
    return "unknown"


@dataclass(frozen=True)
class ClassRow:
    """Medians of the synapses from one class of cells to another: n, p, q (mV) and variation of the response.

    The coefficient of variation is that at rest, quantal variability included; of p there are quartiles too.
    """

    presynaptic: str
    postsynaptic: str
    members: tuple[AllenSynapse, ...]
    n: float
    p: float
    q: pq.Quantity
    p_quartiles: tuple[float, float]
    cv_response: float

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return len(self.members)


def by_cell_class(synapses: Sequence[AllenSynapse], *, at_least: int = 3) -> list[ClassRow]:
    """Return one row for each pair of classes with `at_least` so many synapses, the most numerous first."""
    groups: dict[tuple[str, str], list[AllenSynapse]] = {}
    for synapse in synapses:
        groups.setdefault((synapse.presynaptic, synapse.postsynaptic), []).append(synapse)
    rows = []
    for (pre, post), members in groups.items():
        if len(members) < at_least:
            continue
        n, p, q = np.array([(s.n, s.p, float(s.q)) for s in members]).T
        cv_response = [float(s.sd / s.mean) if s.p > 0 else np.inf for s in members]
        middle_n, middle_p, middle_q, cv = (float(np.median(part)) for part in (n, p, q, cv_response))
        low, high = map(float, np.quantile(p, [0.25, 0.75]))
        rows.append(
            ClassRow(pre, post, tuple(members), middle_n, middle_p, middle_q * pq.mV, (low, high), cv)
        )
    return sorted(rows, key=lambda row: -row.n_synapses)
