"""The table of synapses: with which number, n, p, q and delay each synapse of a network releases.

Simulators make synapses in orders of their own, so positions mean nothing; what does is the pair of neurons
and, where several synapses join the same two, which of them it is. Values are in SI units without prefixes.
"""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
from brian2.synapses.synapses import Synapses
from numpy.typing import NDArray

from biophys.argument_types import check_kind, check_public
from biophys.units import shown
from biophys.whole_files import arriving
from brianpresyn.checked_synapses import NUMBER, CheckedSynapses
from brianpresyn.domains import unit_text

_WHOLE = ("pre", "post", "contact", "number", "n")
_COLUMNS = ("pre", "post", "contact", "number", "n", "p", "q", "delay")


def write_table(connection: Synapses, path: str | Path) -> None:
    """Write one row for each synapse as comma-separated values; either the whole file or none.

    Raises TypeError if `connection` is none, or keeps its numbers in float32, which would move the releases
    elsewhere.

    Parameters
    ----------
    connection : synapses built by :func:`brianpresyn.synapses`; in C++ standalone, after the run
    path : the file

    Examples
    --------
    >>> import tempfile
    >>> from brian2 import NeuronGroup, mV, ms
    >>> from brianpresyn import bernoulli_release, synapses
    >>> cells = NeuronGroup(2, "v : volt", threshold="v > 1*mV")
    >>> code = bernoulli_release(0.3, q=0.5*mV)
    >>> connection = synapses(cells, cells, code, connect="i == j", seed=1, delay=2*ms)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(connection, f"{folder}/synapses.csv")
    ...     print(open(f"{folder}/synapses.csv").read().strip())
    pre,post,contact,number,n,p,q,delay
    0,0,0,0,1,0.3,0.0005,0.002
    1,1,0,1,1,0.3,0.0005,0.002
    """
    table = table_of(connection)
    names = _fields(table)
    columns = [table[name].tolist() for name in names]
    with arriving(Path(path)) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))


def read_table(path: str | Path) -> NDArray[Any]:
    """Return a table that `write_table` wrote, one record for each synapse.

    Its fields are pre, post, contact, number, n, p, q, delay and whatever else differs between the synapses.
    A file that is no such table raises ValueError.
    """
    with open(path, newline="", encoding="utf-8") as file:
        names = next(csv.reader(file), [])
        missing = [name for name in _COLUMNS[:4] if name not in names]
        if missing:
            raise ValueError(f"{path} is no table of synapses, without {', '.join(missing)}: see write_table")
        kinds = [(name, np.int64 if name in _WHOLE else np.float64) for name in names]
        try:
            return np.atleast_1d(np.loadtxt(file, dtype=kinds, delimiter=",", ndmin=1))
        except ValueError as error:
            raise ValueError(f"{path} is no whole table of synapses: {error}; write it anew") from error


def check_table(table: Any, connection: Synapses) -> None:
    """Raise ValueError unless a table describes the synapses of a network, in whatever order.

    The first synapse that is missing, or has another number, n, p, q or delay, is named.

    Parameters
    ----------
    table : numpy.ndarray or path
        As `read_table` gives it, or its file.
    connection : synapses built by :func:`brianpresyn.synapses`
    """
    if isinstance(table, str | os.PathLike):
        table = read_table(os.fspath(table))
    if not isinstance(table, np.ndarray) or "number" not in _fields(table):
        raise TypeError(f"table must come from read_table(...), or be its file, got {shown(table)}")
    expected = table_of(connection)
    first, second = (np.sort(each, order=["pre", "post", "contact"]) for each in (table, expected))
    remedy = "write the table anew with write_table, from the network that you compare with"
    if len(first) != len(second):
        sizes = f"has {len(first)} synapses, {connection.name} has {len(second)}"
        raise ValueError(f"the table {sizes}: {remedy}")
    for name in _fields(second):
        if name not in _fields(first):
            raise ValueError(f"the table has no {name}, which differs in {connection.name}: {remedy}")
        wrong = np.flatnonzero(first[name] != second[name])
        if wrong.size:
            row = second[wrong[0]]
            synapse = f"the synapse from {row['pre']} to {row['post']} (contact {row['contact']})"
            values = f"{first[name][wrong[0]]} in the table and {row[name]} in {connection.name}"
            raise ValueError(f"{name} of {synapse} is {values}: {remedy}")


def table_of(connection: Synapses) -> NDArray[Any]:
    """Return the table of the synapses of a network, in the order in which they were made."""
    check_kind(connection, CheckedSynapses, "connection", "brianpresyn.synapses(...)")
    pre, post = np.array(connection.i[:]), np.array(connection.j[:])
    columns = {"pre": pre, "post": post, "contact": _contacts(pre, post), "number": connection.numbers}
    columns |= {"n": np.ones(pre.size), "delay": connection.pre.variables["delay"].get_value()}
    own = {name for name in connection.code.initial if not connection.variables[name].scalar} - {NUMBER}
    for name in own | ({"n", "p", "q"} & connection.code.defined):
        dtype = connection.variables[name].dtype
        values = np.asarray(connection.state(name, use_units=False)[:], dtype=dtype)
        if values.dtype == np.float32:
            problem = f"{name} of {connection.name} is float32, with which hosts release otherwise"
            raise TypeError(f"{problem}: build it with Brian2's default dtype")
        columns[name] = values
    names = [*(name for name in _COLUMNS if name in columns), *sorted(columns.keys() - set(_COLUMNS))]
    kinds = [(name, np.int64 if name in _WHOLE else np.float64) for name in names]
    table = np.empty(pre.size, dtype=kinds)
    for name in names:
        table[name] = columns[name]
    return table


def shared_values(connection: Synapses) -> dict[str, Any]:
    """Return what all synapses share, and the units of the table, as plain values by name."""
    code = connection.code
    shared = [name for name in code.equations.parameter_names if connection.variables[name].scalar]
    values = {name: np.ravel(connection.variables[name].get_value())[0].item() for name in shared}
    constants = {name: float(value) for name, value in code.namespace.items() if not callable(value)}
    units = {name: unit_text(code.equations[name].dim) for name in code.equations.names}
    return {**values, **constants, "units": units}


def _fields(table: NDArray[Any]) -> tuple[str, ...]:
    return table.dtype.names or ()


def _contacts(pre: NDArray[Any], post: NDArray[Any]) -> NDArray[np.int64]:
    """Return of each synapse how many before it join the same neurons."""
    order = np.lexsort((post, pre))
    is_first = np.ones(pre.size, bool)
    is_first[1:] = (np.diff(pre[order]) != 0) | (np.diff(post[order]) != 0)
    place = np.arange(pre.size)
    contacts = np.empty(pre.size, np.int64)
    contacts[order] = place - np.maximum.accumulate(np.where(is_first, place, 0))
    return contacts


check_public(__name__)
