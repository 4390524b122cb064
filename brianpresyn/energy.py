r"""The energy ledger: what each synapse has spent, by mechanism, in joules and in ATP.

The costs are those of :mod:`biophys.absolute_costs`. A ledger keeps only what cannot be recovered later (the
vesicles released, and sums over spikes and time that depend on p, q and n); the energies are subexpressions
of the synapse, evaluated when they are read or recorded, with their units checked by Brian2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import quantities as pq
from brian2 import Group, second
from brian2.equations.equations import SUBEXPRESSION
from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError, Quantity
from numpy.typing import NDArray

from biophys.absolute_costs import Estimate, ReferenceSynapse, resting_costs, spike_costs
from biophys.argument_types import check_kind, check_public
from biophys.constants import ATP_FREE_ENERGY, AVOGADRO
from biophys.energy_costs import CostLaw
from biophys.units import ATP
from brianpresyn.domains import checked_time, dimension_of, unit_in_words
from brianpresyn.quantities_bridge import to_brian
from brianpresyn.synapse_code import EVENTS, Stage, SynapseCode, assignments

# The calcium that a release probability asks for diverges at p = 1; above this p it is taken as constant.
P_OF_LARGEST_CALCIUM = 0.999

ENERGY_OF_ATP = to_brian(ATP_FREE_ENERGY.value / AVOGADRO)
"""Free energy of one ATP, as a Brian2 quantity."""


def energy_ledger(
    code: SynapseCode,
    *,
    reference: ReferenceSynapse | None = None,
    quantum: Any = None,
    estimate: Estimate = "value",
    every: Any = None,
) -> SynapseCode:
    r"""Return the ledger that suits a synapse; join it to the synapse by ``+``.

    Calcium is paid for every presynaptic spike; cycling, transmitter and the reversal of the postsynaptic ion
    flux for every vesicle that was in fact released, by a spike or spontaneously; the membrane of waiting
    vesicles and their actin all the time. Everything is paid at the p, q and n of that moment, whatever moves
    them: a rule, or an assignment between runs, after which what was spent before stays.

    Parameters
    ----------
    code : the synapse: a release model and whatever is joined to it
    reference : the synapse that the published costs describe; its q must have the unit of the synapse's
    quantum
        Size, in the unit of the synapse's q, of a vesicle that opens as many receptors as the reference;
        needed where q has no unit, or none that `reference` can have.
    estimate : ``"value"``, or ``"low"`` or ``"high"`` for the ends of the ranges of the constants
    every
        Interval at which the costs of waiting vesicles are added up. Needed only if q or n are changed in the
        middle of a run from outside of the code, by ``run_regularly`` or a ``network_operation``.

    Returns
    -------
    SynapseCode
        With n_spikes and n_vesicles; a variable (joule) for each mechanism, ``E_calcium_pump``,
        ``E_trafficking`` (vesicle turnover), ``E_transmitter``, ``E_postsynaptic_ion_flux``,
        ``E_vesicle_membrane``, ``E_actin``, their sum ``E_total``, and ``ATP_total``.

    Raises
    ------
    ValueError : if the synapse has no release model
    brian2.DimensionMismatchError : if the reference q has another unit than the synapse's

    Examples
    --------
    >>> from brian2 import mV
    >>> from brianpresyn import bernoulli_release
    >>> code = bernoulli_release(p=0.25, q=0.2*mV)
    >>> print((code + energy_ledger(code)).pre_code)
    draw_number += 1
    released = bernoulli_draw(release_key, draw_number, p)
    v_post += released*q
    quanta_released += released*abs(q)/reference_q
    calcium_entry += sqrt(sqrt(clip(p, 0, 0.999)/(1 - clip(p, 0, 0.999))))
    n_spikes += 1
    n_vesicles += released
    """
    missing = {"p", "q"} - code.defined
    if missing or "released" not in code.assigned:
        problem = f"an energy ledger needs a release model with {', '.join(sorted(missing)) or 'released'}"
        raise ValueError(f"{problem}: pass energy_ledger(bernoulli_release(...)), and rename it afterwards")
    reference = ReferenceSynapse() if reference is None else reference
    # Every law and whether it is paid by the spike; the others are paid by the second.
    laws = [(law, True) for law in spike_costs(reference, estimate).laws]
    laws += [(law, False) for law in resting_costs(reference, estimate).laws]
    sites = "n" if "n" in code.defined else "1"
    moved = code.depends_on({"q", "n"}) & code.assigned
    terms = {f"E_{_name(law)}": _term(law, sites, is_per_spike) for law, is_per_spike in laws}
    energies = "".join(f"\n{name} = {text} : joule" for name, text in terms.items())
    paid = {f"{_name(law)}_seconds": _waiting(law, sites) for law, is_per_spike in laws if not is_per_spike}
    accrual = "".join(f"{name} += {size}*(t - t_paid)\n" for name, size in paid.items()) + "t_paid = t"
    # What no event moves is paid for all synapses at once.
    is_paid_by_each = moved or every is not None
    # With a deterministic synapse the number of vesicles is a mean.
    counted = "1" if "transmitted" in code.assigned else "integer"
    ledger = SynapseCode(
        "energy_ledger",
        model=f"n_spikes : integer\nn_vesicles : {counted}\nquanta_released : 1\ncalcium_entry : 1\n"
        + "".join(f"{name} : second\n" for name in paid)
        + f"t_paid : second{'' if is_paid_by_each else ' (shared)'}{energies}\n"
        f"E_total = {' + '.join(terms)} : joule\n"
        "ATP_total = E_total/energy_of_atp : 1",
        namespace={
            "energy_of_atp": ENERGY_OF_ATP,
            "reference_q": _reference_q(code, reference, quantum),
            **{f"cost_{_name(law)}": _cost(law) for law, _ in laws},
        },
        dtypes={"n_spikes": np.int64, **({"n_vesicles": np.int64} if counted == "integer" else {})},
        requires=frozenset({"released", "p", "q"}),
        after_run={**{name: f"{name} + {size}*(t - t_paid)" for name, size in paid.items()}, "t_paid": "t"},
        **_payments(code, laws, sites, accrual, moved),  # type: ignore[arg-type]
    )
    if every is None:
        return ledger
    check = SynapseCode("ledger", regularly={Stage.COUNT: accrual}, every=checked_time(every, "every"))
    return replace(ledger, regularly=(SynapseCode("", regularly=ledger.regularly) + check).regularly)


def _payments(
    code: SynapseCode, laws: list[tuple[CostLaw, bool]], sites: str, accrual: str, moved: set[str]
) -> dict[str, dict[Any, dict[Stage, str]]]:
    """Return what the ledger adds up in each pathway: by event, pathway and stage."""
    calcium = next(law for law, is_per_spike in laws if is_per_spike and law.odds_exponent)
    bounded = f"clip(p, 0, {P_OF_LARGEST_CALCIUM})"
    odds = _power(f"{bounded}/(1 - {bounded})", calcium.odds_exponent)
    blocks: dict[str, dict[Any, dict[Stage, str]]] = {event: {} for event in EVENTS}
    for (event, pathway), stages in code.codes.items():
        lines = {}
        setting = {name for parts in stages.values() for part in parts for name in assignments(part.text)}
        if setting & moved:
            lines[Stage.COUNT] = accrual
        for released in ("released", "mini"):
            if released in setting:
                lines[Stage.TRANSMIT] = f"quanta_released += {released}*abs(q)/reference_q"
                lines[Stage.ACCOUNT] = f"n_vesicles += {released}"
        if "released" in setting:
            entry = _product(_power(sites, calcium.site_exponent), odds)
            lines[Stage.TRANSMIT] += f"\ncalcium_entry += {entry}"
            lines[Stage.ACCOUNT] = f"n_spikes += 1\n{lines[Stage.ACCOUNT]}"
        blocks[event][pathway] = lines
    return blocks


def _term(law: CostLaw, sites: str, is_per_spike: bool) -> str:
    """Return the energy that one law has cost so far, as a Brian2 expression in joules."""
    cost = f"cost_{_name(law)}*energy_of_atp"
    if not is_per_spike:
        return f"{cost}*({_name(law)}_seconds + {_waiting(law, sites)}*(t - t_paid))"
    if law.odds_exponent:
        return f"{cost}*calcium_entry"
    return f"{cost}*{'quanta_released' if law.quantal_exponent else 'n_vesicles'}"


def _waiting(law: CostLaw, sites: str) -> str:
    """Return what a law of waiting vesicles grows with."""
    size = _power("abs(q)/reference_q", law.quantal_exponent)
    return _product(_power(sites, law.site_exponent), size)


def _product(*factors: str) -> str:
    return "*".join(factor for factor in factors if factor != "1") or "1"


def _power(base: str, exponent: float) -> str:
    if exponent == 0 or base == "1":
        return "1"
    if exponent == 0.25:
        return f"sqrt(sqrt({base}))"
    return f"({base})" if exponent == 1 else f"({base})**{exponent!r}"


def _name(law: CostLaw) -> str:
    return law.mechanism.replace(" ", "_")


def _cost(law: CostLaw) -> Quantity | float:
    """Return the scale of a law in ATP, or in ATP per second as a Brian2 rate."""
    per_second = ATP / pq.s
    if law.scale.dimensionality.simplified == per_second.dimensionality.simplified:
        return float(law.scale.rescale(per_second)) / second
    return float(law.scale.rescale(ATP))


def _reference_q(code: SynapseCode, reference: ReferenceSynapse, quantum: Any) -> Any:
    """Return the size of the reference's quantum in the unit of the synapse's."""
    size = to_brian(reference.q) if quantum is None else quantum
    wanted, given = code.equations["q"].dim, dimension_of(size, "quantum", "0.2")
    if wanted is not given:
        is_plain = wanted is DIMENSIONLESS
        ways = "quantum=..." if is_plain else "reference=ReferenceSynapse(q=...), or quantum=...,"
        remedy = f"pass {ways} with the size in that unit of a vesicle that opens as many receptors"
        problem = f"the costs are known for a quantum of {size}, but q of this synapse is in"
        raise DimensionMismatchError(f"{problem} {unit_in_words(wanted)}: {remedy}", wanted, given)
    if np.ndim(size) or not float(np.asarray(size)) > 0:
        raise ValueError(f"quantum must be one value above 0, got {quantum!r}")
    return size


def synapse_energies(connection: Group, *, prefix: str = "") -> dict[str, NDArray[np.float64]]:
    """Return what each synapse with a ledger has spent so far, in joules, by mechanism.

    In C++ standalone, after the run; `prefix` is that with which the code of the ledger was renamed.
    Without a ledger it raises ValueError.
    """
    check_kind(connection, Group, "connection", "synapses(...)")
    start = f"{prefix}E_"
    names = sorted(getattr(getattr(connection, "equations", None), "names", ()))
    energies = [name for name in names if name.startswith(start) and name != f"{start}total"]
    if not energies:
        others = [f"prefix={name.removesuffix('E_total')!r}" for name in names if name.endswith("E_total")]
        pass_it = f" with the prefix {prefix!r}: pass {' or '.join(others)}"
        remedy = pass_it if others else ": join energy_ledger(code) to its code"
        raise ValueError(f"{connection.name} keeps no energy ledger{remedy}")
    shape = (len(connection),)
    return {
        name.removeprefix(start).replace("_", " "): np.broadcast_to(_evaluated(connection, name), shape)
        for name in energies
    }


def _evaluated(connection: Group, name: str) -> Any:
    """Return a subexpression of synapses in SI units.

    Brian2 cannot evaluate subexpressions of synapses once a standalone program has run, so this is done on
    the values that it left.
    """
    equation = connection.equations[name]
    known: dict[str, Any] = {"sqrt": np.sqrt, "clip": np.clip, "abs": np.abs, "__builtins__": {}}
    known["int"] = lambda values: np.asarray(values).astype(int)
    for identifier in equation.identifiers - known.keys():
        inner = connection.equations.get(identifier)
        if inner is not None and inner.type == SUBEXPRESSION:
            value = _evaluated(connection, identifier)
        elif identifier in connection.namespace:
            value = connection.namespace[identifier]
        else:
            value = connection.state(identifier, use_units=False)[:]
        known[identifier] = np.asarray(value, dtype=float)
    return eval(equation.expr.code, known)


@dataclass(frozen=True)
class EnergyReport:
    """What the synapses of a network have spent.

    Parameters
    ----------
    name : of the synapses
    joules : by mechanism, summed over the synapses
    n_synapses, n_spikes, n_vesicles
        Number of synapses, of presynaptic spikes at them, and of vesicles released.
    duration : simulated time in seconds

    Examples
    --------
    >>> print(EnergyReport("s", {"actin": 1e-15, "calcium pump": 3e-15}, 10, 100, 25, 1.0))
    s: 10 synapses, 100 spikes, 25 vesicles in 1 s
    mechanism                joules         ATP   share
    actin                     1e-15    1.20e+04   25.0 %
    calcium pump              3e-15    3.61e+04   75.0 %
    total                     4e-15    4.82e+04  100.0 %
    """

    name: str
    joules: Mapping[str, float]
    n_synapses: int
    n_spikes: int
    n_vesicles: float
    duration: float

    def __sub__(self, earlier: EnergyReport) -> EnergyReport:
        """Return what was spent since an earlier report."""
        check_kind(earlier, EnergyReport, "earlier", "energy_report(connection)")
        return EnergyReport(
            self.name,
            {mechanism: energy - earlier.joules[mechanism] for mechanism, energy in self.joules.items()},
            self.n_synapses,
            self.n_spikes - earlier.n_spikes,
            self.n_vesicles - earlier.n_vesicles,
            self.duration - earlier.duration,
        )

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
            f"{self.name}: {self.n_synapses} synapses, {self.n_spikes} spikes, {self.n_vesicles:g} vesicles "
            f"in {self.duration:g} s",
            f"{'mechanism':<21} {'joules':>9} {'ATP':>11} {'share':>7}",
        ]
        for mechanism, energy in [*self.joules.items(), ("total", self.total)]:
            share = 100 * energy / self.total if self.total else 0.0
            atp = energy / float(ENERGY_OF_ATP)
            lines.append(f"{mechanism:<21} {energy:>9.3g} {atp:>11.2e} {share:>6.1f} %")
        return "\n".join(lines)


def energy_report(connection: Group, *, prefix: str = "") -> EnergyReport:
    """Return what synapses with a ledger have spent so far, all together.

    The difference of two reports is what was spent in between.

    Raises ValueError if they have no ledger.

    Parameters
    ----------
    connection : synapses built with :func:`energy_ledger`; in C++ standalone, after the run
    prefix : with which the code of the ledger was renamed

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
    energies = synapse_energies(connection, prefix=prefix)
    counts = (np.asarray(connection.state(f"{prefix}{each}")[:]) for each in ("n_spikes", "n_vesicles"))
    n_spikes, n_vesicles = (count.sum().item() for count in counts)
    return EnergyReport(
        name=connection.name,
        joules={mechanism: float(np.sum(values)) for mechanism, values in energies.items()},
        n_synapses=len(connection),
        n_spikes=n_spikes,
        n_vesicles=n_vesicles,
        duration=float(connection.t / second),
    )


check_public(__name__)
