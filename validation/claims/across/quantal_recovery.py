"""Beside X01: how well n, p and q come back from simulated recordings, by each method."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from biophys import quantal_recovery as recovery
from validation.claims.across.same_release import X01
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row


@measures("X01", rendering=Rendering.ANALYTIC, lasts_long=True)
def recovered_parameters(context: Context) -> Findings:
    """Report how often the intervals of n, p and q cover the truth, by method, over a grid of n and p.

    The intervals of the moments rest on a normal approximation that fails where hardly any response holds
    more than one vesicle (small n p) or hardly any fewer than all (few sites, p near 1), and with n unknown
    in more places: there use the likelihood, or several release probabilities.

    Quanta are drawn from a gamma law, and fitted as normal or gamma. More ways of recording are in
    docs/quantal_recovery.md.

    The likelihood's interval of n covers more often than it says, because n is whole.

    Two hundred responses often do not tell n and p apart; recordings at several release probabilities, up to
    high ones, do (variance-mean, here at p = 0.1, 0.3, 0.5, 0.7 and 0.9).
    """
    n_repeats, n_fits = (1_000, 80) if context.is_quick else (20_000, 1_000)
    by_method = recovery.recovery_on_a_grid(n_repeats, n_fits, context.rng())
    yield from _reported(by_method)
    yield claim_figure(recovery.plot_coverage, size=(12, 3.6), by_method=by_method)


@measures("X01", rendering=Rendering.ANALYTIC, lasts_long=True)
def recovered_from_noise_and_trains(context: Context) -> Findings:
    """Report the same of recordings with more noise, quanta that vary, and trains that deplete."""
    n_repeats, n_fits = (1_000, 10) if context.is_quick else (20_000, 250)
    rng = np.random.default_rng(context.seed + 1)
    yield from _reported(recovery.recovery_when_harder(n_repeats, n_fits, rng))


def _reported(by_method: Mapping[str, Sequence[recovery.RecoveryRow]]) -> Findings:
    """Report coverage of every method, and how often it tells n and p apart."""
    for method, rows in by_method.items():
        ends: dict[str, list[float]] = {name: sorted(getattr(r, name) for r in rows) for name in "np"}
        condition = {"method": method, **{name: f"{x[0]:g}-{x[-1]:g}" for name, x in ends.items()}}
        observed, is_known = partial(row, X01, condition=condition), method.endswith("n known")
        responses = f"{rows[0].n_trials} responses"
        for name in ("p", "q") if is_known else ("p", "q", "n"):
            held = recovery.pooled_coverage(rows, name)
            yield observed(held, f"coverage of 95 % intervals of {name} from {responses}")
        if is_known:
            continue
        share = recovery.share_told(rows)
        yield observed(share, f"share of recordings of {responses} that tell n and p apart")
        if any(each.identifiable for each in rows):
            told = recovery.pooled_coverage(rows, "n", where_told=True)
            yield observed(told, f"coverage of n from {responses} that are said to tell it")
