"""Brian2 synapses with the parameters that were fitted to recorded responses."""

from typing import Any, Literal

import numpy as np

from biophys.argument_types import checked_types
from biophys.quantal import QuantalSynapse
from biophys.recordings.release_fit import ReleaseFit
from biophys.units import shown
from brianpresyn.quantal_noise import quantal_variance
from brianpresyn.quantities_bridge import to_brian
from brianpresyn.release import quantal_release
from brianpresyn.short_term import stochastic_tsodyks_markram
from brianpresyn.synapse_code import SynapseCode


@checked_types
def fitted_release(
    fit: ReleaseFit, *, condition: Any = None, target: str | None = "v", allow_unidentified: bool = False
) -> SynapseCode:
    """Return the release model of a fit, with its dynamics and the variability of its quanta.

    Parameters
    ----------
    fit
        From :func:`biophys.fit_release`: of independent responses, or of trains with depletion (and
        facilitation).
    condition : whose p (and q) is taken, if there are several
    target
        Postsynaptic variable that the responses add to, as in :func:`bernoulli_release`. It has the dimension
        of the amplitudes, with their sign.
    allow_unidentified : as of :meth:`biophys.ReleaseFit.synapse`

    Raises
    ------
    ValueError
        If n is not identified, the condition is not among those fitted, or the dynamics are others than those
        of :func:`stochastic_tsodyks_markram`.

    Examples
    --------
    >>> import numpy as np, quantities as pq
    >>> from brianpresyn.biophys import fit_release
    >>> rng = np.random.default_rng(2)
    >>> x = rng.binomial(3, 0.4, 300) * 0.5 + rng.normal(0, 0.05, 300)
    >>> fitted_release(fit_release(x * pq.mV, noise=0.05 * pq.mV)).initial["n"]
    array(3)
    """
    fit.check_condition(condition)
    synapse, labels = fit.synapse(allow_unidentified=allow_unidentified), fit.recording.labels
    if synapse.shape:
        if condition not in labels:
            known = ", ".join(map(repr, labels))
            raise ValueError(f"condition must be one of {known}, got {shown(condition)}")
        numbers = np.broadcast_arrays(synapse.n, synapse.p, synapse.q.magnitude)
        n, p, q = (each[labels.index(condition)] for each in numbers)
        synapse = QuantalSynapse(int(n), float(p), float(q) * synapse.unit)
    if fit.kind == "none":
        code = quantal_release(synapse, target=target)
    else:
        dynamics = fit.dynamics_of(condition)
        if not dynamics.recovery > 0:
            raise ValueError(f"dynamics {fit.kind!r} without depletion have no Brian2 synapse here")
        code = stochastic_tsodyks_markram(
            dynamics.p,
            tau_rec=to_brian(dynamics.recovery),
            tau_facil=to_brian(dynamics.facilitation),
            n=synapse.n,
            q=to_brian(synapse.q),
            target=target,
        )
    quanta = fit.recording.variability
    within = fit.cv_within.value if quanta.within == "free" else float(quanta.within)
    if not within and not quanta.between:
        return code
    distribution: Literal["gamma", "gaussian"] = "gaussian" if fit.family == "normal" else "gamma"
    return quantal_variance(
        code, cv_within=within, cv_between=float(quanta.between), distribution=distribution
    )
