"""S16: information per energy against a fixed release probability."""

from biophys.estimates import exactly, mean_of
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, not_run, row

_BELOW_ONE = "the best p below one over p = 1, as for single synapses (Harris et al. 2012)"
BELOW_ONE = Clause("S16a", _BELOW_ONE, "app 1 fig 1c", above(1.0), "a curve without numbers")
S16 = Claim(
    "S16",
    "Fixed release probability: information per energy as a function of p (L2 0.01, best learning rate for "
    "each p) is largest below one, in line with single synapses",
    SCHUG,
    (BELOW_ONE,),
)


@measures(S16, experiment="energy")
def fixed_release(run: Run, context: Context) -> Findings:
    """Find the fixed p that transmits most per energy, and what it gains over reliable synapses."""
    from rate_models.experiments.energy_figures import best_ratio

    result = run.result
    if "scan_information" not in result or result.sizes["fixed_p"] < 3:
        yield not_run(BELOW_ONE, "this run of the experiment left these networks out")
        return
    ratio = best_ratio(result, prefix="scan_")
    mean = ratio.mean("variant_seed")
    curve = ", ".join(f"{1000 * float(v):.3g} at {float(v.fixed_p):g}" for v in mean)
    n = result.sizes["variant_seed"]
    largest = exactly(mean.fixed_p[int(mean.argmax("fixed_p"))], n=n, unit="networks")
    yield row(S16, largest, "fixed release probability with the largest information per energy")
    below = ratio.sel(fixed_p=ratio.fixed_p[ratio.fixed_p < 1])
    best = below.isel(fixed_p=int(below.mean("variant_seed").argmax("fixed_p")))
    gain = best.drop_vars("fixed_p") / ratio.sel(fixed_p=1.0).drop_vars("fixed_p")
    quantity = "information per energy: the best fixed p below one over p = 1"
    condition, reason = {"fixed p": float(best.fixed_p)}, f"bit per 1000 units: {curve}"
    gained = mean_of(gain, "ratio", unit="networks")
    yield row(BELOW_ONE, gained, quantity, condition=condition, reason=reason)
    for name in ("information", "synaptic_energy"):
        values = [
            result[f"scan_{name}"].sel(fixed_p=float(each.fixed_p), learning_rate=float(each.best_rate))
            for each in (best, ratio.sel(fixed_p=1.0))
        ]
        words = f"{name.replace('_', ' ')}: the best fixed p below one over p = 1"
        part = mean_of(values[0] / values[1], "ratio", unit="networks")
        yield row(S16, part, words, condition=condition)
    yield from panels(run, "app1-fig1c", S16)
