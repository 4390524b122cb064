"""S24: energy at equal information, along the curve of penalties."""

import numpy as np

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import NAMES, present
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures
from validation.statement import SCHUG, Claim, Clause, row

_EVERY = in_every(above(1.0), "level")
FIXED = Clause("S24a", "fixed release needs more energy than deterministic synapses", "fig 1a", _EVERY)
PLASTIC = Clause("S24b", "deterministic synapses need more energy than plastic release", "fig 1a", _EVERY)
S24 = Claim(
    "S24",
    "At equal information fixed release needs more energy than deterministic synapses, and these more than "
    "plastic release",
    SCHUG,
    (FIXED, PLASTIC),
)
_PAIRS = {
    ("fixed_release", "deterministic"): FIXED,
    ("deterministic", "soft_bound"): PLASTIC,
    ("matched_release", "deterministic"): S24,
    ("deterministic", "additive"): S24,
}


@measures(S24, experiment="energy")
def energy_at_information(run: Run, context: Context) -> Findings:
    """Compare the energy of two models at five levels of information that both reach, seed by seed."""
    from rate_models.experiments.energy_figures import energy_at_levels, with_plug_in

    soft = with_plug_in(run.result).isel(epoch=-1).sortby("l2", ascending=False)
    pairs = present(run.result, _PAIRS)
    cases = [(pair, soft, "", subject) for pair, subject in pairs.items()]
    # The soft estimate, the authors', rises with confidence at unchanged answers.
    cases += [(pair, soft.assign(information=soft.plug_in), " of the answers", S24) for pair in pairs]
    for pair, at, kind, subject in cases:
        information = at.information.sel(model=list(pair))
        # Every network of both starts below the lowest level, and reaches the highest at some penalty.
        low, high = float(information.isel(l2=0).max()), float(information.max("l2").min())
        words = f"synaptic energy at equal information{kind}: {NAMES[pair[0]]} over {NAMES[pair[1]]}"
        if not low < high:
            apart = f"the curves do not overlap: one begins at {low:.2f} bit, another ends at {high:.2f}"
            yield row(subject, None, words, reason=apart)
            continue
        levels = np.linspace(low, high, 5)
        first, second = (energy_at_levels(at.sel(model=model), levels) for model in pair)
        ratios = {
            f"{level:.2f} bit": mean_of(values, "ratio", unit="networks", how="paired seeds")
            for level, values in zip(levels, (first / second).T, strict=True)
        }
        yield row(subject, ratios, words, along="information")
