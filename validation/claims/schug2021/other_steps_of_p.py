"""S20: the ordering of S01 with other steps of the release probability."""

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import NAMES
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, not_run, row

_PLACE = 'methods, "Model robustness"'
CLAUSES = {
    "deterministic": Clause("S20a", "plastic release over deterministic synapses", _PLACE, above(1.0)),
    "fixed_release": Clause("S20b", "plastic release over fixed release", _PLACE, above(1.0)),
}
S20 = Claim(
    "S20", "P_up, p_down changed by ±25 %: the ordering of S01 stands", SCHUG, tuple(CLAUSES.values())
)


@measures(S20, experiment="energy")
def other_steps_of_p(run: Run, context: Context) -> Findings:
    """Compare plastic release with steps of p a quarter larger and smaller with the other models."""
    from rate_models.experiments.energy_figures import best_ratio

    result = run.result
    if "step_size_information" not in result:
        for clause in S20.clauses:
            yield not_run(clause, "this run of the experiment left these networks out")
        return
    best, reference = best_ratio(result, prefix="step_size_"), best_ratio(result)
    for steps in (str(name) for name in result.step_size.values if name in best.step_size.values):
        for model, clause in ((m, c) for m, c in CLAUSES.items() if m in reference.model.values):
            variant = best.sel(step_size=steps).rename(variant_seed="seed").drop_vars("best_l2")
            quotients = variant / reference.sel(model=model).drop_vars("best_l2")
            # The paper does not say whether both steps changed together or one by one.
            subject = clause if steps.startswith("both") else S20
            how = "t interval of the logarithm, paired seeds"
            gain = mean_of(quotients, "ratio", unit="networks", how=how)
            quantity = f"best information per synaptic energy: plastic release over {NAMES[model]}"
            yield row(subject, gain, quantity, condition={"steps of p": steps})
    yield from panels(run, "robustness", S20)
