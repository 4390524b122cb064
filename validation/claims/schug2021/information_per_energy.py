"""S01: information per energy of plastic, deterministic and fixed release."""

from validation.claims.schug2021.energy_networks import present, quotient
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause

PLASTIC = Clause("S01a", "plastic release transmits more than deterministic synapses", "fig 1b", above(1.0))
FIXED = Clause("S01b", "deterministic synapses transmit more than fixed release", "fig 1b", above(1.0))
S01 = Claim(
    "S01",
    "Mutual information per energy: plastic stochastic release > deterministic > fixed stochastic release, "
    "each at its best L2 strength",
    SCHUG,
    (PLASTIC, FIXED),
)

PUBLISHED_PAIRS = {("soft_bound", "deterministic"): PLASTIC, ("deterministic", "fixed_release"): FIXED}
# The additive p rule, the paper's learning rate, and fixed p matched to the learned mean.
_OTHER_PAIRS = {
    ("additive", "deterministic"): S01,
    ("soft_bound", "deterministic_slow"): S01,
    ("deterministic", "matched_release"): S01,
    ("soft_bound", "matched_release"): S01,
}


@measures(S01, experiment="energy")
def information_per_energy(run: Run, context: Context) -> Findings:
    """Compare the best information per synaptic energy of the models, seed by seed.

    Information is the authors' soft estimate from one draw of the synapses: it falls with confidence, even at
    unchanged accuracy. Synaptic energy is the sum of |w̄| over all synapses, biases excluded.
    """
    from rate_models.experiments.energy_figures import best_ratio, with_plug_in

    result = run.result
    best, best_of_answers = best_ratio(result), best_ratio(with_plug_in(result), information="plug_in")
    for pair, subject in present(result, PUBLISHED_PAIRS | _OTHER_PAIRS).items():
        yield quotient(subject, best, pair, "information per synaptic energy")
    for pair in PUBLISHED_PAIRS:
        yield quotient(S01, best_of_answers, pair, "plug-in information of the answers per energy")
    yield from panels(run, "fig1a fig1b app1-fig1a", S01)
