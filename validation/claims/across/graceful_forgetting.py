"""X12: release odds that count evidence forget less than the published rule; and MESU, which does so too."""

from biophys.estimates import mean_of
from validation.criteria import above, equals, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.runs import result_beside
from validation.statement import CROSS_CHECK, Claim, Clause, not_run, row, rows

LEVEL = Clause("X12a", "evidence in the odds of release: at least 90 %", CROSS_CHECK, above(90.0))
BETTER = Clause("X12b", "better than the published rule, seed by seed", CROSS_CHECK, above(0.0))
_BONNET = "Bonnet et al. 2025, Supplementary Note 9, doi:10.1038/s41467-025-64601-w"
# Twice the standard error of three seeds, 0.577 sqrt(3 / 2) / sqrt(3), is 0.8: a point.
_NEAR, _PRINTED = equals(92.46, 1.0), "92.46 ± 0.58 (s.d. of 3 seeds)"
MESU = Clause("X12c", "MESU with ten draws a step, as published", _BONNET, _NEAR, _PRINTED)
_NEED = "better than with learning rates that are constant, alike in a layer, or shuffled among its synapses"
NEEDED = Clause("X12d", _NEED, CROSS_CHECK, in_every(above(0.0), "control"))
_SAID = (
    "Ten permuted tasks: a presynaptic rule that adds evidence to the odds of release, with one release "
    "decision per synapse and step and no state but strength and p, keeps at least 90 % of all tasks"
)
X12 = Claim("X12", _SAID, CROSS_CHECK, (LEVEL, BETTER, MESU, NEEDED))
_WITHOUT = ("unmodulated", "unselective", "shuffled")
_OTHER_METHODS = ("mesu_one_draw", "foo_vb", "foo_vb_one_draw")
_QUANTITY = "mean accuracy over all tasks after the last (%)"


@measures(X12, experiment="graceful_forgetting")
def forgetting_with_evidence(run: Run, context: Context) -> Findings:
    """Compare final accuracies, and show the accuracy of the newest task and the energy beside them."""
    from rate_models.experiments import graceful_forgetting as networks

    result, labels = run.result, {name: method.label for name, method in networks.METHODS.items()}
    beside = result_beside(run, context, "graceful_forgetting_other_methods", methods=_OTHER_METHODS)
    runs = {str(name): of for of in (run, beside) for name in of.result["algorithm"].values}
    # A share of the digits says nothing of what was published of MNIST.
    judged = {"evidence": LEVEL, "mesu": MESU} if run.config["data_set"] == "mnist" else {}
    for name, of in runs.items():
        values = networks.final_accuracies(of.result, name)
        condition = {"method": labels[name], "passes for each batch": networks.METHODS[name].draws_per_step}
        diverged = networks.diverged(of.result, of.settings.seeds_of(name), name)
        if diverged.value:
            yield row(X12, diverged, "networks that diverged", condition=condition)
        if len(values):
            yield row(judged.get(name, X12), mean_of(values, unit="networks"), _QUANTITY, condition=condition)
            for quantity, each in networks.observed_of(of.result, name).items():
                yield row(X12, mean_of(each, unit="networks"), quantity, condition=condition)
    advantages, lost = networks.advantages(result)
    quantity = "advantage of evidence in the odds in mean final accuracy (points)"
    if "published" in advantages:
        yield row(BETTER, advantages.pop("published"), quantity)
    without = {labels[name]: advantages.pop(name) for name in _WITHOUT if name in advantages}
    if without:
        named = ", ".join(labels[name] for name in _WITHOUT if name in lost)
        reason = f"every network diverged with: {named}" if named else ""
        yield row(NEEDED, without, quantity, along="control", reason=reason)
    # Neither certain release nor a latch takes the selective rate away: they are observed.
    yield from rows(X12, {labels[name]: lead for name, lead in advantages.items()}, quantity, "over")
    for clause in (clause for clause, name in ((MESU, "mesu"), (NEEDED, "unselective")) if name not in runs):
        yield not_run(clause, "this run of the experiment left it out")
    yield from panels(run, "by_task release_probability", X12, (9, 4))
