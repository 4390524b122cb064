r"""Release odds that count evidence: a presynaptic rule without a latch.

A synapse of expected strength w releases with probability p. Its odds of release carry the precision of w,
what is known of it, in units of what was known at the start:

.. math::

    o = \frac{p}{1 - p} = o_0 r, \qquad r = s^2 / \sigma^2, \qquad s^2 = \frac{1}{3\,n_\mathrm{in}}

with :math:`s^2`, the mean square of weights that start on :math:`\pm 1 / \sqrt{n_\mathrm{in}}`, taken as
the prior's variance; they may start larger. One release decision k per step; with g_b the gradient of the
loss of image b of the batch by w, that is (k / p) times that by the transmitted weight,

.. math::

    w &\leftarrow w - \eta\, \frac{s^2}{r}\, \sum_b g_b \\
    r &\leftarrow r + a\, s^2\, p\, \sum_b g_b^2 - \frac{r - 1}{N}

**Derivation.** The posterior of a weight gains as precision the curvature h of the loss, and its mean moves
by posterior variance times gradient (online variational Bayes, to first order). At a fitted point h is the
Fisher information, the expected sum of :math:`G_b^2`, G_b being the gradient by the transmitted weight, which
is seen at releases only: :math:`k G_b^2 / p = p g_b^2` is unbiased for it. In units of the prior's precision
:math:`1 / s^2` that is the second line, with a = 1 and :math:`\eta` = 1 for Bayes. The leak forgets what is
older than N steps, as in `metaplastic_uncertainty`; r rests at :math:`1 + a N s^2 h`.

Squared for the batch as a whole, as :math:`(\sum_b g_b)^2`, the evidence has the same expectation at a fitted
point, but a larger variance, and away from it, as when a task begins, it is mostly the
squared slope of the loss, which is no curvature.

The published rule (`presynaptic_sgd`) multiplies the odds:
:math:`\dot o = (1 + o)[p_\uparrow U - p_\downarrow (1 - U)]`, so that ln(1 - p) is a random walk, and stops
at p_freeze for ever. Here evidence is added: 1 - p falls as one over the evidence, differences between
synapses stay, and nothing is final.

References
----------
Schug et al. (2021). doi:10.7554/eLife.69884
Bonnet et al. (2025). doi:10.1038/s41467-025-64601-w
Zeno et al. (2021). doi:10.1162/neco_a_01430
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biophys.argument_types import Probability, checked_types
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.metaplastic_uncertainty import leak_per_step
from rate_models.replicas import (
    PerReplica,
    amounts_per_replica,
    column,
    numbers_per_replica,
    positive_per_replica,
)
from rate_models.stochastic_layers import BernoulliSynapses

# Beyond these odds the release decision, of 16 bits on a CPU, cannot tell p from 1.
_LARGEST_ODDS = 1e5


@checked_types
class ReleaseOdds(PerReplica):
    """The learning rule of `BernoulliSynapses` whose odds of release count evidence.

    `precision` is r, shape (replica, weights), at least 1. `image_squares`, of the shape of the gradient, is
    where the network writes the squared gradients of single images (`networks.FeedForward.backward`; a
    `Trainer` sees to it). Without that they are nan, so that no loop misses them in silence.

    Parameters
    ----------
    synapses : the synapses that learn. Their p at the start, below 1, is that without evidence
    learning_rate : eta in units of the Bayesian rate, which is the posterior variance
    gain : a, weight of the evidence; 1 for Bayes
    memory : N, steps that are remembered, at least 1; infinity forgets nothing
    clamp
        In the first line g is cut to clamp / sigma either way, as in `metaplastic_uncertainty`, sigma being
        s / sqrt(r); positive, infinity cuts nothing.
    p_freeze : synapses that reach it gain and lose no odds any more, as in the published rule; 1 for none
    modulation
        Rate of a synapse: its ``"own"`` variance s^2 / r; the ``"mean"`` variance of its layer, which keeps
        the schedule and takes away the selectivity; or ``"none"``, the prior's.
    evidence : squares of single ``"images"``, or the square of the sum over a ``"batch"``

    Numbers are one for all replicas or one each.

    Examples
    --------
    >>> from brianpresyn.rate_models.layout import Layout
    >>> synapses = BernoulliSynapses(Layout((3, 1)), seeds=[0], release_probability=0.75)
    >>> rule = ReleaseOdds(synapses, gain=12.0, evidence="batch")
    >>> synapses.scale[:] = 1 / 0.75  # all release
    >>> synapses.gradient[:, :3] = torch.tensor([1.0, 0.5, 0.0])
    >>> rule.update(synapses)
    >>> [round(p, 3) for p in synapses.p[0].tolist()]
    [0.893, 0.812, 0.75]
    """

    synapse_kind = BernoulliSynapses
    loss = "sum"
    by_replica = ("_rate", "_gain", "_leak", "_clamp", "_p_freeze", "_floor", "precision", "image_squares")
    not_in_checkpoints = ("image_squares",)

    def __init__(
        self,
        synapses: BernoulliSynapses,
        *,
        learning_rate: float | Sequence[float] = 1.0,
        gain: float | Sequence[float] = 1.0,
        memory: float | Sequence[float] = math.inf,
        clamp: float | Sequence[float] = math.inf,
        p_freeze: float | Sequence[float] = 1.0,
        modulation: Literal["own", "mean", "none"] = "own",
        evidence: Literal["images", "batch"] = "images",
    ) -> None:
        n, like = synapses.n_replicas, synapses.p
        self._rate = column(amounts_per_replica(learning_rate, n, "learning_rate"), like)
        self._gain = column(amounts_per_replica(gain, n, "gain"), like)
        self._leak = leak_per_step(memory, like)
        clamps = positive_per_replica(clamp, n, "clamp")
        self._clamp = column(clamps, like) if min(clamps) < math.inf else None
        thresholds = numbers_per_replica(p_freeze, n, "p_freeze", Probability)
        frozen_from = [value if value < 1 else 2.0 for value in thresholds]
        self._p_freeze = column(frozen_from, like) if min(thresholds) < 1 else None
        if like.device.type != "meta" and float(like.max()) >= 1:
            raise ValueError("release_probability must be below 1 at the start: certain odds are infinite")
        self.modulation = modulation
        self._floor = like / (1 - like)
        self.precision = torch.ones_like(like)
        self.image_squares = torch.full_like(synapses.gradient, math.nan) if evidence == "images" else None
        self._step = synapses.execution.fused(_step_of_layer)

    def update(self, synapses: BernoulliSynapses) -> None:
        """Take one step with the gradient that the network wrote."""
        layout = synapses.layout
        numbers = (self._rate, self._gain, self._leak, self._clamp, self._p_freeze)
        changed = (synapses.learned, synapses.p, self.precision, self._floor)
        for part, n_in in zip(layout.weight_slices, layout.sizes[:-1], strict=True):
            slope, scale = synapses.gradient[:, part], synapses.scale[:, part]
            squares = slope.square() if self.image_squares is None else self.image_squares[:, part]
            pieces = (*(each[:, part] for each in changed), slope, squares, scale)
            self._step(*pieces, 1 / (3 * n_in), *numbers, self.modulation)
        if self.image_squares is not None:
            self.image_squares.fill_(math.nan)
        if synapses.biases == "trained":
            # Their prior variance is that of one more input of the layer.
            for part, n_in in zip(layout.bias_slices, layout.sizes[:-1], strict=True):
                synapses.learned[:, part].sub_(synapses.gradient[:, part] * self._rate, alpha=1 / (3 * n_in))

    def shuffle(self, synapses: BernoulliSynapses, rngs: Sequence[np.random.Generator]) -> None:
        """Exchange precision and p at random among the synapses of each layer, by an rng for each replica."""
        for row, rng in enumerate(rngs):
            for part in synapses.layout.weight_slices:
                order = torch.from_numpy(rng.permutation(part.stop - part.start)).to(synapses.p.device)
                for values in (self.precision[row, part], synapses.p[row, part]):
                    values.copy_(values[order])


def _step_of_layer(
    strength: Tensor,
    p: Tensor,
    precision: Tensor,
    floor: Tensor,
    slope: Tensor,
    squares: Tensor,
    scale: Tensor,
    variance: float,
    rate: Tensor,
    gain: Tensor,
    leak: Tensor,
    clamp: Tensor | None,
    p_freeze: Tensor | None,
    modulation: str,
) -> None:
    """Change strength, precision and p of one layer in place, and `squares`; these and `slope` are of G."""
    # p (G k / p)^2 is G^2 times k / p, the scale.
    evidence = squares.mul_(scale).mul_(gain * variance)
    slope = slope.mul_(scale)
    if clamp is not None:
        bound = precision.sqrt().mul_(clamp * variance**-0.5)
        slope = slope.clamp(-bound, bound)
    step = slope * (rate * variance)
    if modulation == "own":
        step /= precision
    elif modulation == "mean":
        step *= precision.reciprocal().mean(1, keepdim=True)
    strength.sub_(step)
    evidence.sub_((precision - 1).mul_(leak))
    if p_freeze is not None:
        evidence.mul_(p < p_freeze)
    precision.add_(evidence).clamp_min_(1.0)
    odds = torch.mul(precision, floor).clamp_(max=_LARGEST_ODDS)
    torch.div(odds, odds + 1, out=p)


def odds_trajectory(
    signals: NDArray[np.float64],
    released: NDArray[np.float64],
    *,
    learning_rate: float,
    gain: float,
    memory: float,
    clamp: float,
    p_start: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p and strength after each update, (update, synapse), in double precision; strengths start at 1.

    `signals` and `released` are (update, synapse): what each strength is to gain, and whether it released.
    The other arguments are those of `rate_models.release_odds.ReleaseOdds`.
    """
    n = signals.shape[1]
    synapses = BernoulliSynapses(
        Layout((n, 1)), [0], release_probability=p_start, execution=Execution(dtype="float64")
    )
    synapses.strength.fill_(1.0)
    rule = ReleaseOdds(
        synapses, learning_rate=learning_rate, gain=gain, memory=memory, clamp=clamp, evidence="batch"
    )
    p, strength = np.empty_like(signals), np.empty_like(signals)
    for step, (signal, k) in enumerate(zip(signals, released, strict=True)):
        # A signal is what the strength is to gain, a gradient what it is to lose.
        synapses.gradient[0, :n] = -torch.from_numpy(signal)
        synapses.scale[0] = torch.from_numpy(k) / synapses.p[0]
        rule.update(synapses)
        p[step], strength[step] = synapses.p[0], synapses.strength[0]
    return p, strength
