"""X09: exported synapses release in NEST what they release in Brian2, and NEST's own the same on average."""

from functools import partial

from brianpresyn.experiments import fixed_trains, nest_parity
from brianpresyn.experiments.network_a import NETWORK_A
from validation.criteria import equals, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, not_run, row, spiking

_same = partial(spiking, source=CROSS_CHECK, criterion=in_every(equals(1.0, 0.1), "synapse"), unit="synapses")
CLAUSES = {  # The margin is what a sample in small can show.
    "mean": _same("X09a", "mean response of NEST over this package's is 1 within 10 %"),
    "variance": _same("X09b", "variance of the response in NEST over this package's is 1 within 10 %"),
    "failures": _same("X09c", "share of failures in NEST over this package's is 1 within 10 %"),
}
_AS_HERE = "an export releases in NEST, on one thread and on two, what it does in Brian2 at every event"
EVENTS = spiking("X09d", _AS_HERE, CROSS_CHECK, exact(0.0, 0.0), unit="events")
_SAID = (
    "Parity with other simulators: exported synapses release in NEST exactly what they do in Brian2, and "
    "NEST's `bernoulli_synapse` and `quantal_stp_synapse` have the same statistics"
)
X09 = Claim("X09", _SAID, CROSS_CHECK, (*CLAUSES.values(), EVENTS))


@measures(X09)
def events_in_nest(context: Context) -> Findings:
    """Count the events at which an export releases otherwise, model by model, and time network A."""
    models, n_steps = (("depressed",), 250) if context.is_quick else (tuple(fixed_trains.MODELS), 2500)
    try:
        if (interpreter := nest_parity.nest_interpreter()) is None:
            raise nest_parity.NoCompiler(nest_parity.REMEDY)
        different = nest_parity.events_differing(models, n_steps, interpreter)
    except nest_parity.NoCompiler as error:
        yield not_run(EVENTS, str(error).splitlines()[0])
        return
    yield row(EVENTS, different, "events at which the quanta released differ")
    if not context.is_quick:
        by_host = nest_parity.time_per_event(NETWORK_A, interpreter)
        yield row(X09, by_host, "processor time per synaptic event of network A, ns", along="host")


@measures(X09)
def release_in_nest(context: Context) -> Findings:
    """Compare mean, variance and failures over trains of spikes, synapse by synapse."""
    n_synapses = 4000 if context.is_quick else 20_000
    if (interpreter := nest_parity.nest_interpreter()) is None:
        yield from (not_run(clause, nest_parity.REMEDY) for clause in CLAUSES.values())
        return
    version, in_nest, own = nest_parity.responses_of_both(n_synapses, context.seed, interpreter)
    for name, ratios in nest_parity.ratios_by_statistic(in_nest, own, rng=context.rng()).items():
        quantity = f"{name} of the response in NEST over that in this package"
        yield row(CLAUSES[name], ratios, quantity, along="synapse")
    note = f"NEST {version}; {n_synapses} synapses each."
    yield claim_figure(nest_parity.draw_responses, note, (9, 3.8), in_nest=in_nest, own=own)
    yield (
        "The weight of NEST's quantal_stp_synapse is one quantum, though its documentation calls it the "
        f"amplitude with all sites released: the first response is {in_nest[4][:, 0].mean():.2f} weights "
        "with n = 5 and p = 0.4, where n p = 2."
    )
