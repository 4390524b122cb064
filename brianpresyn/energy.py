r"""The energy ledger: what each synapse has spent, by mechanism, in joules and in ATP.

The costs are those of :mod:`biophys.absolute_costs`. A ledger keeps only what cannot be recovered later (the
vesicles released and, where p or q are plastic, the sums over spikes that depend on them); the energies are
subexpressions of the synapse, evaluated when they are read or recorded, with their units checked by Brian2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from brian2 import second
from brian2.groups.group import Group
from brian2.units.fundamentalunits import DimensionMismatchError, Quantity
from numpy.typing import NDArray

from biophys.absolute_costs import Estimate, ReferenceSynapse, resting_costs, spike_costs
from biophys.constants import ATP_FREE_ENERGY, AVOGADRO
from biophys.energy_costs import CostLaw
from biophys.units import ATP
from brianpresyn.quantities_bridge import to_brian
from brianpresyn.release import unit_text
from brianpresyn.synapse_code import Stage, SynapseCode

# The calcium that a release probability asks for diverges at p = 1; above this p it is taken as constant.
P_OF_LARGEST_CALCIUM = 0.999

ENERGY_OF_ATP = to_brian(ATP_FREE_ENERGY.value / AVOGADRO)
"""Free energy of one ATP, as a Brian2 quantity."""


def energy_ledger(
    code: SynapseCode, *, reference: ReferenceSynapse | None = None, estimate: Estimate = "value"
) -> SynapseCode:
    r"""Return the ledger that suits a synapse; join it to the synapse by ``+``.

    Calcium is paid for every presynaptic spike; cycling, transmitter and the reversal of the postsynaptic ion
    flux for every vesicle that was in fact released; the membrane of waiting vesicles and their actin all the
    time (at the present n and q).

    Parameters
    ----------
    code
        The synapse: a release model and whatever is joined to it. Where it changes p or q, their course is
        followed spike by spike; where it does not, nothing but the vesicles has to be counted.
    reference
        The synapse that the published costs describe; its q must have the unit of the synapse's.
    estimate
        ``"value"``, or ``"low"`` or ``"high"`` for the ends of the ranges of the constants.

    Returns
    -------
    SynapseCode
        With a variable (joule) for each mechanism, ``E_calcium_pump``, ``E_trafficking`` (vesicle turnover),
        ``E_transmitter``, ``E_postsynaptic_ion_flux``, ``E_vesicle_membrane``, ``E_actin``, their sum
        ``E_total``, and ``ATP_total``.

    Raises
    ------
    ValueError
        If the synapse has no release model.
    brian2.DimensionMismatchError
        If the reference q has another unit than the synapse's.

    Examples
    --------
    >>> from brian2 import mV
    >>> from brianpresyn import bernoulli_release
    >>> code = bernoulli_release(p=0.25, q=0.2*mV)
    >>> print((code + energy_ledger(code)).pre_code)
    draw_number += 1
    released = bernoulli_draw(release_key, draw_number, p)
    v_post += released*q
    n_spikes += 1
    n_vesicles += released
    """
    missing = {"p", "q"} - code.defined
    if missing:
        raise ValueError(
            f"an energy ledger needs a release model with {', '.join(sorted(missing))}: pass the joined "
            "code, for example energy_ledger(bernoulli_release(...))"
        )
    reference = reference or ReferenceSynapse()
    _check_reference(code, reference)
    counts = _Counts(code)
    laws = list(_laws(reference, estimate))
    terms = {f"E_{_name(law)}": _term(law, counts, is_per_spike) for law, is_per_spike in laws}
    model = "\n".join(f"{name} = {text} : joule" for name, text in terms.items())
    total = f"E_total = {' + '.join(terms)} : joule\nATP_total = E_total/energy_of_atp : 1"
    return SynapseCode(
        "energy_ledger",
        model="\n".join([*counts.model, model, total]),
        on_pre={Stage.ACCOUNT: "\n".join(counts.statements)},
        dtypes=dict.fromkeys(("n_spikes", "n_vesicles"), np.int64),
        namespace={
            "energy_of_atp": ENERGY_OF_ATP,
            "reference_q": to_brian(reference.q),
            **{f"cost_{_name(law)}": _cost(law) for law, _ in laws},
        },
        requires=frozenset({"released", "p", "q"}),
    )


class _Counts:
    """What the ledger of a synapse has to count, and how its terms read it."""

    def __init__(self, code: SynapseCode) -> None:
        self.sites = "n" if "n" in code.defined else "1"
        self.model = ["n_spikes : integer", "n_vesicles : integer"]
        self.statements = ["n_spikes += 1", "n_vesicles += released"]
        self.odds = f"clip(p/(1 - p), 0, {P_OF_LARGEST_CALCIUM / (1 - P_OF_LARGEST_CALCIUM):.0f})"
        self.quanta = "n_vesicles*abs(q)/reference_q"
        # What was paid before the last change of p or q cannot be told from their present values.
        self._is_followed = bool(code.assigned & {"p", "q", "n"})
        if self._is_followed:
            self.model += ["calcium_entry : 1", "quanta_released : 1"]
            self.quanta = "quanta_released"
            self.statements.append("quanta_released += released*abs(q)/reference_q")

    def odds_term(self, law: CostLaw) -> str:
        """Return the sum over spikes of the power of the odds of release, times the number of sites."""
        power = _power(self.odds, law.odds_exponent)
        sites = _power(self.sites, law.site_exponent)
        if not self._is_followed:
            return f"n_spikes*{sites}*{power}"
        statement = f"calcium_entry += {sites}*{power}"
        if statement not in self.statements:
            self.statements.append(statement)
        return "calcium_entry"


def _term(law: CostLaw, counts: _Counts, is_per_spike: bool) -> str:
    """Return the energy that one law has cost so far, as a Brian2 expression in joules."""
    cost = f"cost_{_name(law)}*energy_of_atp"
    if not is_per_spike:
        size = _power("abs(q)/reference_q", law.quantal_exponent)
        return f"{cost}*{_power(counts.sites, law.site_exponent)}*{size}*t"
    if law.odds_exponent:
        return f"{cost}*{counts.odds_term(law)}"
    return f"{cost}*{counts.quanta if law.quantal_exponent else 'n_vesicles'}"


def _power(base: str, exponent: float) -> str:
    if exponent == 0 or base == "1":
        return "1"
    if exponent == 0.25:
        return f"sqrt(sqrt({base}))"
    return f"({base})" if exponent == 1 else f"({base})**{exponent!r}"


def _laws(reference: ReferenceSynapse, estimate: Estimate) -> Iterator[tuple[CostLaw, bool]]:
    """Yield every law and whether it is paid by the spike; the others are paid by the second."""
    yield from ((law, True) for law in spike_costs(reference, estimate).laws)
    yield from ((law, False) for law in resting_costs(reference, estimate).laws)


def _name(law: CostLaw) -> str:
    return law.mechanism.replace(" ", "_")


def _cost(law: CostLaw) -> Quantity | float:
    """Return the scale of a law in ATP, or in ATP per second as a Brian2 rate."""
    per_second = ATP / pq.s
    if law.scale.dimensionality.simplified == per_second.dimensionality.simplified:
        return float(law.scale.rescale(per_second)) / second
    return float(law.scale.rescale(ATP))


def _check_reference(code: SynapseCode, reference: ReferenceSynapse) -> None:
    wanted, given = code.equations["q"].dim, to_brian(reference.q).dim
    if wanted is not given:
        raise DimensionMismatchError(
            f"the costs are known for quanta of {reference.q}, but q of this synapse is in "
            f"{unit_text(wanted)}: pass reference=ReferenceSynapse(q=...) with the size in that unit of a "
            "vesicle that opens as many receptors",
            wanted,
            given,
        )


def synapse_energies(connection: Group) -> dict[str, NDArray[np.float64]]:
    """Return what each synapse with a ledger has spent so far, in joules, by mechanism.

    Parameters
    ----------
    connection
        Synapses built with :func:`energy_ledger`; in C++ standalone, after the run.

    Raises
    ------
    ValueError
        If they have no ledger.
    """
    names = sorted(name for name in connection.equations.names if name.startswith("E_") and name != "E_total")
    if not names:
        raise ValueError(f"{connection.name} keeps no energy ledger: join energy_ledger(code) to its code")
    return {name[2:].replace("_", " "): _evaluated(connection, name) for name in names}


def _evaluated(connection: Group, name: str) -> NDArray[np.float64]:
    """Return a subexpression of synapses in SI units.

    Brian2 cannot evaluate subexpressions of synapses once a standalone program has run, so this is done on
    the values that it left.
    """
    equation = connection.equations[name]
    known: dict[str, Any] = {"sqrt": np.sqrt, "clip": np.clip, "abs": np.abs, "__builtins__": {}}
    for identifier in equation.identifiers - known.keys():
        value = (
            connection.namespace[identifier]
            if identifier in connection.namespace
            else connection.state(identifier, use_units=False)[:]
        )
        known[identifier] = np.asarray(value, dtype=float)
    # At p = 1 the odds of release are infinite before they are clipped.
    with np.errstate(divide="ignore"):
        values = eval(equation.expr.code, known)
    return np.broadcast_to(values, (len(connection),))


@dataclass(frozen=True)
class EnergyReport:
    """What the synapses of a network have spent.

    Parameters
    ----------
    name
        Of the synapses.
    joules
        By mechanism, summed over the synapses.
    n_synapses, n_spikes, n_vesicles
        Synapses, presynaptic spikes that they received, vesicles that they released.
    duration
        Simulated time in seconds.

    Examples
    --------
    >>> report = EnergyReport("s", {"actin": 1e-15, "calcium pump": 3e-15}, 10, 100, 25, 1.0)
    >>> print(report)
    s: 10 synapses, 100 spikes, 25 vesicles in 1 s
    mechanism                joules         ATP   share
    actin                     1e-15    1.20e+04   25.0 %
    calcium pump              3e-15    3.61e+04   75.0 %
    total                     4e-15    4.82e+04  100.0 %
    """

    name: str
    joules: dict[str, float]
    n_synapses: int
    n_spikes: int
    n_vesicles: int
    duration: float

    @property
    def total(self) -> float:
        """Joules by all mechanisms together."""
        return sum(self.joules.values())

    @property
    def atp(self) -> dict[str, float]:
        """ATP by mechanism."""
        return {mechanism: energy / float(ENERGY_OF_ATP) for mechanism, energy in self.joules.items()}

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.n_synapses} synapses, {self.n_spikes} spikes, {self.n_vesicles} vesicles in "
            f"{self.duration:g} s",
            f"{'mechanism':<21} {'joules':>9} {'ATP':>11} {'share':>7}",
        ]
        for mechanism, energy in [*self.joules.items(), ("total", self.total)]:
            share = 100 * energy / self.total if self.total else 0.0
            atp = energy / float(ENERGY_OF_ATP)
            lines.append(f"{mechanism:<21} {energy:>9.3g} {atp:>11.2e} {share:>6.1f} %")
        return "\n".join(lines)


def energy_report(connection: Group) -> EnergyReport:
    """Return what synapses with a ledger have spent so far, all together.

    Parameters
    ----------
    connection
        As for :func:`synapse_energies`; without a ledger a ValueError is raised.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, ms, mV
    >>> from brianpresyn import bernoulli_release, synapses
    >>> cells = NeuronGroup(3, "v : volt", threshold="True", reset="", dt=1*ms)
    >>> code = bernoulli_release(p=1.0, q=0.2*mV)
    >>> code += energy_ledger(code)
    >>> connection = synapses(cells, cells, code, connect="i != j", seed=1, name="recurrent", dt=1*ms)
    >>> Network(cells, connection).run(10*ms)
    >>> report = energy_report(connection)
    >>> report.n_synapses, report.n_spikes, report.n_vesicles
    (6, 60, 60)
    """
    return EnergyReport(
        name=connection.name,
        joules={
            mechanism: float(np.sum(values)) for mechanism, values in synapse_energies(connection).items()
        },
        n_synapses=len(connection),
        n_spikes=int(np.sum(connection.n_spikes[:], dtype=np.int64)),
        n_vesicles=int(np.sum(connection.n_vesicles[:], dtype=np.int64)),
        duration=float(connection.t / second),
    )
