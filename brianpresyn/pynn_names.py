"""The stochastic synapses of PyNN under PyNN's names and parameters, as pieces of Brian2 code.

PyNN's weight of a stochastic synapse is the amplitude of one quantum for ``SimpleStochasticSynapse`` and
``MultiQuantalSynapse``, and the amplitude of the full response (u = x = 1) for
``StochasticTsodyksMarkramSynapse``; here it carries its unit and is called ``weight`` as there. Times are in
ms, as plain numbers, as there.

References
----------
Davison AP et al. (2009). "PyNN: a common interface for neuronal network simulators". Front Neuroinform 2:11,
doi:10.3389/neuro.11.011.2008.
"""

from typing import Any

from brian2 import ms

from biophys.argument_types import check_public
from brianpresyn.domains import PROBABILITY
from brianpresyn.release import bernoulli_release, checked_amplitude
from brianpresyn.short_term import stochastic_tsodyks_markram
from brianpresyn.synapse_code import SynapseCode


def SimpleStochasticSynapse(weight: Any, p: Any = 0.5, *, target: str = "v") -> SynapseCode:
    """Return Bernoulli release with probability p.

    >>> from brian2 import mV
    >>> SimpleStochasticSynapse(weight=0.5*mV, p=0.3).initial["p"]
    0.3
    """
    return bernoulli_release(p, q=checked_amplitude(weight, "weight"), target=target)


def StochasticTsodyksMarkramSynapse(
    weight: Any, U: Any = 0.5, tau_rec: float = 100.0, tau_facil: float = 0.0, *, target: str = "v"
) -> SynapseCode:
    """Return release of one vesicle under depression (tau_rec) and facilitation (tau_facil, 0 for none).

    >>> from brian2 import mV
    >>> code = StochasticTsodyksMarkramSynapse(weight=0.5*mV, U=0.2, tau_rec=800.0)
    >>> code.initial["n"], code.initial["p"]
    (1, 0.2)
    """
    return MultiQuantalSynapse(weight, U, 1, tau_rec, tau_facil, target=target)


def MultiQuantalSynapse(
    weight: Any,
    U: Any = 0.5,
    n: Any = 1,
    tau_rec: float = 800.0,
    tau_facil: float = 0.0,
    *,
    target: str = "v",
) -> SynapseCode:
    """Return release from n sites under depression and facilitation.

    >>> from brian2 import nS
    >>> MultiQuantalSynapse(weight=0.5*nS, U=0.2, n=5, target="g").initial["n"]
    5
    """
    PROBABILITY.check("U", U)
    times = {"tau_rec": tau_rec * ms, "tau_facil": tau_facil * ms}
    return stochastic_tsodyks_markram(U, **times, n=n, q=checked_amplitude(weight, "weight"), target=target)


check_public(__name__)
