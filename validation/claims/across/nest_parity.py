"""X09: exported synapses release in NEST what they release in Brian2, and NEST's own the same on average."""

from functools import partial

import numpy as np

from biophys.estimates import exactly
from brianpresyn.experiments import fixed_trains, nest_parity
from brianpresyn.experiments.nest_parity import CASES, INTERPRETER_VARIABLE
from brianpresyn.experiments.network_a import NETWORK_A
from validation.criteria import equals, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, not_run, row, spiking

# The margin is what a sample in small can show.
_EVERY = in_every(equals(1.0, 0.1), "synapse")
_same = partial(spiking, source=CROSS_CHECK, criterion=_EVERY, unit="synapses")
CLAUSES = {
    "mean": _same("X09a", "mean response of NEST over this package's is 1 within 10 %"),
    "variance": _same("X09b", "variance of the response in NEST over this package's is 1 within 10 %"),
    "failures": _same("X09c", "share of failures in NEST over this package's is 1 within 10 %"),
}
EVENTS = spiking(
    "X09d",
    "an exported synapse releases in NEST, on one thread and on two, what it does in Brian2 at every event",
    CROSS_CHECK,
    exact(0.0, 0.0),
    unit="events",
)
X09 = Claim(
    "X09",
    "Parity with other simulators: exported synapses release in NEST exactly what they do in Brian2, and "
    "NEST's `bernoulli_synapse` and `quantal_stp_synapse` have the same statistics",
    CROSS_CHECK,
    (*CLAUSES.values(), EVENTS),
)


@measures(X09)
def events_in_nest(context: Context) -> Findings:
    """Count the events at which an export releases otherwise, model by model, and time network A."""
    interpreter = nest_parity.nest_interpreter()
    if interpreter is None:
        yield not_run(EVENTS, _REMEDY)
        return
    # The seed of the second has a negative key; the last uses the most of NEST's headers.
    models = ("depressed",) if context.is_quick else tuple(fixed_trains.MODELS)
    counts: dict[str, int] = {}
    n_events = 0
    for number, model in enumerate(models):
        try:
            n_steps, seed = 250 if context.is_quick else 2500, (1, 4)[number % 2]
            counted, n_compared = nest_parity.mismatches(model, n_steps, seed, interpreter)
        except nest_parity.NoCompiler as error:
            yield not_run(EVENTS, str(error).splitlines()[0])
            return
        n_events += n_compared * len(counted)
        counts |= {f"{model} (threads: {n_threads})": count for n_threads, count in counted.items()}
    how = ", ".join(f"{count} with {case}" for case, count in counts.items())
    different = exactly(sum(counts.values()), n=n_events, unit="events", how=how)
    yield row(EVENTS, different, "events at which the quanta released differ")
    if not context.is_quick:
        times = nest_parity.times_on(NETWORK_A, interpreter, n_repeats=3)
        by_host = {
            host: exactly(1e9 * min(seconds) / NETWORK_A.n_events, how="least of three in turn")
            for host, seconds in times.items()
        }
        yield row(X09, by_host, "processor time per synaptic event of network A, ns", along="host")


@measures(X09)
def release_in_nest(context: Context) -> Findings:
    """Compare mean, variance and failures over trains of spikes, synapse by synapse."""
    interpreter = nest_parity.nest_interpreter()
    if interpreter is None:
        yield from (not_run(clause, _REMEDY) for clause in CLAUSES.values())
        return
    n_synapses = 4000 if context.is_quick else 20_000
    tasks = [nest_parity.nest_task(case, n_synapses, context.seed + 1) for case in CASES]
    version, responses = nest_parity.run_in_nest(tasks, interpreter)
    in_nest = [np.array(each) for each in responses]
    member = [nest_parity.own_responses(case, n_synapses, context.seed) for case in CASES]
    rng = np.random.default_rng(context.seed)
    ratios = {
        case.name: nest_parity.compared(theirs, ours, rng=rng)
        for case, theirs, ours in zip(CASES, in_nest, member, strict=True)
    }
    for statistic, clause in CLAUSES.items():
        by_synapse = {name: part[statistic] for name, part in ratios.items() if statistic in part}
        quantity = f"{statistic} of the response in NEST over that in this package"
        yield row(clause, by_synapse, quantity, along="synapse")
    caption = (
        f"Mean response and share of failures at each spike of a 20 Hz train, NEST {version} (dots) and this "
        f"package (crosses); {n_synapses} synapses each, two standard errors."
    )
    yield claim_figure(partial(nest_parity.draw_responses, in_nest, member), caption, (9, 3.8))
    yield (
        "The weight of NEST's quantal_stp_synapse is that of one quantum, although its documentation calls "
        "it the amplitude with all sites released: the first response is "
        f"{in_nest[4][:, 0].mean():.2f} weights with n = 5 and p = 0.4, where n p = 2."
    )


_REMEDY = (
    "NEST cannot be imported: install nest-simulator in an environment of its own and name that "
    f"environment's Python in {INTERPRETER_VARIABLE}"
)
