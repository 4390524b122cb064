"""Moments and failures of the postsynaptic response, release model by release model.

Every synapse has a postsynaptic variable of its own, which is recorded after each presynaptic spike; the
difference from one spike to the next is the response.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import quantities as pq
import xarray as xr
from brian2 import BrianObject, Network, NeuronGroup, NumpyCodeObject, StateMonitor, ms, mV, seed
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field

from biophys.estimates import Estimate, exactly, gaussian, mean_of_known
from biophys.palette import BLUE, GREEN, ORANGE, SKY
from biophys.progress import Progress, ignore_progress
from biophys.quantal import QuantalSynapse, sampling_errors
from biophys.settings import Count, OneOf, Positive, Seed, Share, settings
from brianpresyn.checked_synapses import synapses
from brianpresyn.release import Draws, bernoulli_release, binomial_release
from brianpresyn.synapse_code import SynapseCode
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building

TARGET_COLOURS = {"numpy": BLUE, "cython": ORANGE, "cpp_standalone": GREEN}


@settings
class Config:
    """Which release models are measured, and on how many spikes.

    Parameters
    ----------
    target : code generation target
    bernoulli, binomial : release probabilities of the Bernoulli synapses, and (n, p) of the binomial ones
    draws : generators to use: ``"counter"``, ``"brian2"``
    n_synapses, n_spikes : synapses per condition, and spikes per synapse
    quantal_size : q in mV
    seed : seed of the counter-based generator and of Brian2's
    """

    target: Annotated[str, OneOf(TARGETS)] = "numpy"
    bernoulli: tuple[Share, ...] = (0.1, 0.3, 0.7, 0.9)
    binomial: tuple[tuple[Count, Share], ...] = ((5, 0.3), (5, 0.7), (10, 0.1), (40, 0.6))
    draws: tuple[Draws, ...] = ("counter", "brian2")
    n_synapses: Count = 200
    n_spikes: Annotated[int, Field(ge=2)] = 5000
    quantal_size: Positive = 0.2
    seed: Seed = 2021

    @property
    def conditions(self) -> list[tuple[str, str, int, float]]:
        """Release model, generator, n and p of every condition."""
        models = [("bernoulli", 1, p) for p in self.bernoulli]
        models += [("binomial", n, p) for n, p in self.binomial]
        return [(release, draws, n, p) for draws in self.draws for release, n, p in models]


QUICK = Config(n_synapses=25, n_spikes=4000)

MAY_DIFFER = ("target", "draws", "n_synapses", "n_spikes", "seed")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return len(config.conditions) * config.n_synapses * config.n_spikes


def run(config: Config, *, on_progress: Progress = ignore_progress) -> xr.Dataset:
    """Simulate and return how often each number of vesicles was released.

    Returns
    -------
    xarray.Dataset
        Along ``condition``: release, draws, n, p (coordinates), ``mean`` (mV), ``variance`` (mV^2) and
        ``failures`` of the response, and ``counts`` of each number of ``vesicles``. Attributes: n_events,
        quantal_size (mV), target.
    """
    on_progress(0.0, "simulating")
    with code_generation(config.target):
        seed(config.seed)
        dt, n_conditions = 0.1 * ms, len(config.conditions)
        # Only the synapses are under test: the rest is not worth compiling on cython.
        plain = {"codeobj_class": NumpyCodeObject} if config.target == "cython" else {}
        source = NeuronGroup(1, "drive : 1", threshold="drive > 0.5", reset="", dt=dt, name="source", **plain)
        source.drive = 1
        target = NeuronGroup(n_conditions * config.n_synapses, "v : volt", dt=dt, name="target", **plain)
        monitor = StateMonitor(target, "v", record=True, when="end", dt=dt, name="monitor", **plain)
        with numpy_while_building():
            network = Network(source, target, monitor, *_all_synapses(config, source, target))
        network.run(config.n_spikes * dt)
        # In mV, (condition, event).
        responses = np.diff(np.asarray(monitor.v / mV), axis=1, prepend=0.0).reshape(n_conditions, -1)
    return _summary(config, responses)


def _all_synapses(config: Config, source: NeuronGroup, target: NeuronGroup) -> Iterable[BrianObject]:
    """Yield one Synapses for each release model and generator, each with its own stretch of the targets."""
    start = 0
    q = config.quantal_size * mV
    for draws in config.draws:
        p = np.repeat(config.bernoulli, config.n_synapses)
        sites = (np.repeat(values, config.n_synapses) for values in zip(*config.binomial, strict=True))
        codes: dict[str, SynapseCode] = {
            "bernoulli": bernoulli_release(p, q=q, draws=draws),
            "binomial": binomial_release(*sites, q=q, draws=draws),
        }
        for release, code in codes.items():
            size = code.initial["p"].size
            connect = {"i": 0, "j": np.arange(start, start + size)}
            yield synapses(source, target, code, connect=connect, seed=config.seed, name=f"{release}_{draws}")
            start += size


def _summary(config: Config, responses: NDArray[np.float64]) -> xr.Dataset:
    """Return the moments, the failures and the distribution of the responses."""
    vesicles = np.rint(responses / config.quantal_size).astype(int)
    n_most = max(n for _, _, n, _ in config.conditions)
    counts = np.array([np.bincount(row, minlength=n_most + 1) for row in vesicles])
    conditions = dict(zip(("release", "draws", "n", "p"), zip(*config.conditions, strict=True), strict=True))
    return xr.Dataset(
        {
            "mean": ("condition", responses.mean(axis=1)),
            "variance": ("condition", responses.var(axis=1, ddof=1)),
            "failures": ("condition", (vesicles == 0).mean(axis=1)),
            "counts": (("condition", "vesicles"), counts),
        },
        coords={
            **{name: ("condition", list(values)) for name, values in conditions.items()},
            "vesicles": np.arange(n_most + 1),
        },
        attrs={"n_events": responses.shape[1], "quantal_size": config.quantal_size, "target": config.target},
    )


def plot(result: xr.Dataset, axes: Axes, *, condition: int = 0, **style: Any) -> None:
    """Draw the measured distribution of released vesicles of one condition over the binomial one."""
    chosen = result.isel(condition=condition)
    n, p = int(chosen.n), float(chosen.p)
    vesicles = np.arange(n + 1)
    frequency = chosen.counts.to_numpy()[: n + 1] / result.attrs["n_events"]
    axes.bar(vesicles, frequency, **{"color": SKY, "label": f"Brian2, {result.attrs['target']}", **style})
    expected = QuantalSynapse(n=n, p=p, q=result.attrs["quantal_size"] * pq.mV).pmf(vesicles)
    axes.plot(vesicles, expected, "o", color="black", markersize=4, label="binomial distribution")
    axes.set(xlabel="vesicles released by a spike", ylabel="fraction of spikes")
    title = f"{chosen.release.item()}, n = {n}, p = {p:g}\n{result.attrs['n_events']} spikes"
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=8)


FIGURES = {"released": lambda result, figure: plot(result, figure.subplots())}


MOMENTS = ("mean", "variance")


def releases_differing(results: Sequence[xr.Dataset]) -> Estimate:
    """Return how many release models released otherwise on another target, with counter-based draws."""
    counts = [result.where(result.draws == "counter", drop=True).counts.values for result in results]
    n_different = sum(int(np.any(other != counts[0], axis=1).sum()) for other in counts[1:])
    how = "compared by how often each number of vesicles was released"
    return exactly(n_different, n=len(counts[0]), unit="models", how=how)


def over_formula(result: xr.Dataset, moment: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean or variance of the response over its formula, and the standard error, by condition."""
    synapses = synapses_of(result)
    expected = getattr(synapses, moment).magnitude
    errors = sampling_errors(synapses, int(result.attrs["n_events"]))[moment == "variance"]
    return result[moment].values / expected, errors / expected


def estimates_by_model(result: xr.Dataset) -> dict[str, dict[str, Estimate]]:
    """Return mean and variance over their formulas, and failures less (1 - p)^n, each by release model."""
    n, expected = int(result.attrs["n_events"]), synapses_of(result).failure_probability
    measured = {moment: over_formula(result, moment) for moment in MOMENTS}
    measured["failures"] = result.failures.values - expected, np.sqrt(expected * (1 - expected) / n)
    models = zip(result.release.values, result.n.values, result.p.values, strict=True)
    names = [f"{release}, n = {n_sites}, p = {p:g}" for release, n_sites, p in models]
    known = partial(gaussian, n=n, unit="spikes")
    return {name: dict(zip(names, map(known, *values), strict=True)) for name, values in measured.items()}


def mean_over_formula(result: xr.Dataset, moment: str) -> Estimate:
    """Return the mean over release models of the mean or variance over its formula."""
    ratio, error = over_formula(result, moment)
    n = ratio.size * int(result.attrs["n_events"])
    return mean_of_known(ratio, error, n=n, unit="spikes", how="mean over release models")


def synapses_of(result: xr.Dataset) -> QuantalSynapse:
    """Return the synapses of all conditions of a result."""
    return QuantalSynapse(result.n.values, result.p.values, result.attrs["quantal_size"] * pq.mV)


def draw_targets(figure: Figure, results: Sequence[xr.Dataset]) -> None:
    """Left: mean (dots) and variance (crosses) of the response over n p q and n p (1 - p) q², one place for
    each release model and generator, 95 % intervals. Right: vesicles released per spike, n = 5 and p = 0.7,
    with Brian2's own generator (bars) and the binomial distribution (dots).
    """
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for shift, result in zip((-0.25, 0.0, 0.25), results, strict=True):
        target = result.attrs["target"]
        style: dict[str, Any] = {"color": TARGET_COLOURS[target], "ms": 3, "lw": 0.8}
        for moment, marker in (("mean", "o"), ("variance", "x")):
            by_generator = [over_formula(part, moment) for _, part in result.groupby("draws")]
            values, errors = map(np.concatenate, zip(*by_generator, strict=True))
            label = target if marker == "o" else None
            x = np.arange(values.size) + shift
            left.errorbar(x, values, 1.96 * errors, fmt=marker, label=label, **style)
        is_shown = (result.release == "binomial") & (result.draws == "brian2")
        item = result.where(is_shown & (result.n == 5) & (result.p == 0.7), drop=True).isel(condition=0)
        frequency = item.counts.to_numpy()[:6] / result.attrs["n_events"]
        right.bar(np.arange(6) + shift, frequency, 0.25, color=TARGET_COLOURS[target], label=target)
    left.axhline(1.0, color="black", linewidth=0.8)
    left.set(xlabel="release model (Bernoulli, binomial; by generator)", ylabel="measured / analytic")
    right.plot(np.arange(6), QuantalSynapse(5, 0.7, 1 * pq.mV).pmf(), "o", color="black", markersize=4)
    right.set(xlabel="vesicles released by a spike", ylabel="fraction of spikes")
    for axes in (left, right):
        axes.legend(fontsize=8)
