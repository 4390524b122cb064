"""The registry and the evaluation of claims."""

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from biophys.estimates import Estimate, gaussian
from biophys.settings import as_plain, with_shifted_seeds
from validation import claims, evaluation, registry, runs
from validation.context import Context
from validation.criteria import above
from validation.registry import ClaimFigure, Measure, remarks_of
from validation.statement import CROSS_CHECK, SCHUG, Claim, Clause, Measurement, Rendering, Verdict, row


def measurement(verdict=Verdict.REPRODUCED, claim="M02"):
    return Measurement(claim, f"{claim}a", Rendering.ANALYTIC, "rho", Estimate(0.5), verdict)


def test_every_claim_is_found_once_in_the_order_of_the_papers():
    claims = registry.all_claims()
    assert list(claims) == [claim.id for claim in claims.values()]
    assert [name[0] for name in claims] == sorted((name[0] for name in claims), key="SMX".index)
    assert {f"S{k:02d}" for k in range(1, 22)} | {f"M{k:02d}" for k in range(1, 14)} <= set(claims)
    assert all(claim.statement and claim.source and claim.expected for claim in claims.values())


def test_two_claims_of_one_id_are_refused():
    other = Claim("S01", "another", SCHUG, (Clause("S01a", "gain", "fig 1", above(0.0)),))
    registry.all_claims()
    with pytest.raises(ValueError, match="there are two claims S01"):
        registry.declared(other)


@pytest.mark.parametrize("wrong", ["lab1", "LAB", "1", "", "L-1", "L1a"])
def test_an_id_is_capital_letters_and_a_number(wrong):
    with pytest.raises(ValueError, match=f"id must be capital letters and a number, .*{wrong!r}"):
        Claim(wrong, "something", CROSS_CHECK, ())


def test_claims_of_plugins_come_behind_those_of_the_package(monkeypatch):
    claims = {name: Claim(name, "something", CROSS_CHECK, ()) for name in ("A2", "LAB10", "SX1", "LAB9")}
    monkeypatch.setattr(registry, "_CLAIMS", claims | registry.all_claims())
    names = list(registry.all_claims())
    assert names[-4:] == ["A2", "LAB9", "LAB10", "SX1"] and names[0] == "S01"


def test_two_measures_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(registry, "_MEASURES", list(registry.all_measures()))

    def information_per_atp(context):
        """Have the name of another."""

    with pytest.raises(ValueError, match="there are two measures information_per_atp"):
        registry.measures("X10", rendering=Rendering.ANALYTIC)(information_per_atp)


def test_what_a_function_yields_is_sorted_by_kind():
    clause = Clause("S99a", "gain", "fig 1", above(0.0))
    made = row(clause, gaussian(1.0, 0.1), "gain")
    evidence = registry.evidence_of(iter([made, "a remark", ClaimFigure(Figure(), "c", "S99")]))
    assert evidence.measurements == (made,) and evidence.remarks == ("a remark",)
    assert [figure.caption for figure in evidence.figures] == ["c"]


def test_unknown_claim_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown claim Z99 in ids: the claims are S01, S02"):
        registry.claims_named(["M02", "Z99"])


def test_claims_are_named_in_any_case_and_come_in_the_order_of_the_papers():
    assert [claim.id for claim in registry.claims_named(["x01", " S18"])] == ["S18", "X01"]


def test_every_module_beside_the_registry_is_asked_for_measures():
    measured = {claim for measure in registry.all_measures() for claim in measure.claims}
    assert {"S01", "S10", "S18", "S19", "M02", "M03", "M06", "M07", "M11", "X01", "X07", "X10"} <= measured


@pytest.fixture
def only_measures(monkeypatch):
    """Replace the registered measures by the given ones."""

    def replace(*measures):
        monkeypatch.setattr(evaluation, "all_measures", lambda: measures)

    return replace


def test_error_in_one_measure_leaves_the_others(only_measures):
    def broken(context):
        raise ZeroDivisionError("too small")

    def sound(context):
        yield measurement(claim="S21")

    only_measures(Measure(broken, ("M02",), Rendering.ANALYTIC), Measure(sound, ("S21",), Rendering.ANALYTIC))
    findings = evaluation.measure_claims(None, Context())
    assert findings.verdict("M02") is Verdict.NOT_RUN
    assert "ZeroDivisionError: too small" in findings.measurements("M02")[0].reason
    assert findings.verdict("S21") is Verdict.REPRODUCED
    assert [run.measure.name for run in findings.errors()] == ["broken"]


def test_missing_package_skips_with_the_remedy(only_measures):
    measure = Measure(
        lambda context: pytest.fail("ran"), ("S01",), Rendering.RATE, needs=("no_such_package",)
    )
    only_measures(measure)
    findings = evaluation.measure_claims(["S01"], Context())
    assert findings.verdict("S01") is Verdict.NOT_RUN
    assert "pip install" in findings.measurements("S01")[0].reason


def test_missing_data_set_skips_with_the_reason(only_measures, monkeypatch):
    def locate(name):
        raise evaluation.DataSetMissing(f"{name} is nowhere")

    monkeypatch.setattr(evaluation, "locate", locate)
    only_measures(
        Measure(lambda context: pytest.fail("ran"), ("S18",), Rendering.RECORDED, data_sets=("ko",))
    )
    findings = evaluation.measure_claims(["S18"], Context())
    assert findings.measurements("S18")[0].reason == "ko is nowhere"


def test_data_set_found_missing_on_the_way_skips(only_measures):
    def measured(context):
        raise evaluation.DataSetMissing("mnist is nowhere")

    only_measures(Measure(measured, ("S01",), Rendering.RATE))
    findings = evaluation.measure_claims(["S01"], Context(profile="full"))
    assert findings.verdict("S01") is Verdict.NOT_RUN
    assert findings.measurements("S01")[0].reason == "mnist is nowhere"
    assert findings.errors() == []


def test_only_the_claims_asked_for_are_reported(only_measures):
    def both(context):
        yield from (measurement(claim="S03"), measurement(claim="S04"))
        yield ClaimFigure(Figure(), "lesions", "S03")
        yield "why"

    only_measures(Measure(both, ("S03", "S04"), Rendering.RATE))
    findings = evaluation.measure_claims(["S04"], Context())
    assert [m.claim for m in findings.measurements()] == ["S04"]
    assert findings.remarks("S04") == ["why"]


def test_paragraphs_of_a_docstring_after_the_first_are_remarks():
    def measured(context):
        """Measure.

        It goes on
        for two lines.

        A second one.
        """

    assert remarks_of(measured) == ["It goes on for two lines.", "A second one."]
    assert remarks_of(lambda context: None) == []


def test_failures_leave_out_known_deviations(only_measures):
    def failing(context):
        yield measurement(Verdict.NOT_REPRODUCED)

    only_measures(Measure(failing, ("M02",), Rendering.ANALYTIC))
    findings = evaluation.measure_claims(["M02"], Context())
    assert [claim.id for claim in findings.failures()] == ["M02"]
    known = Claim("M02", "known", SCHUG, findings.claims[0].clauses, "because")
    assert evaluation.MeasuredClaims((known,), findings.runs, Context()).failures() == []


def test_processes_find_what_one_process_finds():
    claims = ["S21", "M12"]
    alone = evaluation.measure_claims(claims, Context())
    together = evaluation.measure_claims(claims, Context(), n_jobs=2)
    assert [m.as_json() for m in together.measurements()] == [m.as_json() for m in alone.measurements()]
    assert [len(run.evidence.figures) for run in together.runs] == [
        len(run.evidence.figures) for run in alone.runs
    ]
    assert together.figures("S21")[0].figure.axes


def test_number_of_jobs_is_checked():
    with pytest.raises(ValueError, match=r"n_jobs must be a whole number from 1 on, .*got 0"):
        evaluation.measure_claims(["S21"], Context(), n_jobs=0)


def _calls(tree, *names):
    """Return the calls of functions of these names, as source text of their arguments."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in names
    ]


@pytest.mark.parametrize(
    "path",
    sorted(Path(claims.__file__).parent.rglob("*.py")),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_everything_that_a_claim_draws_follows_from_the_seed(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    drawn = _calls(
        tree, "default_rng", "manual_seed", "recorded_slopes", "run_on_every_target", "responses_of_both"
    )
    assert all("seed" in call or "config" in call for call in drawn), drawn
    assert not _calls(tree, "RandomState", "rand", "randn", "seed")


@pytest.mark.parametrize("name", runs.EXPERIMENTS)
def test_the_seed_moves_every_experiment(name):
    pytest.importorskip("torch")
    module = runs.experiment_module(name)
    draws_nothing = name in ("stdp_protocol",)
    for settings in (module.QUICK, module.Config()):
        assert (with_shifted_seeds(settings, 7) != settings) or draws_nothing
        moved = {
            k for k, v in as_plain(with_shifted_seeds(settings, 7)).items() if v != as_plain(settings)[k]
        }
        assert all("seed" in field or field == "presentation" for field in moved)


@pytest.mark.parametrize("measure", registry.all_measures(), ids=lambda measure: measure.name)
def test_a_measure_takes_its_seed_from_the_context_or_from_its_experiment(measure):
    """One that does neither computes: its source draws nothing."""
    source = inspect.getsource(inspect.getmodule(measure.function))
    uses = measure.experiment or re.search(r"context\.(seed|rng)", inspect.getsource(measure.function))
    uses = uses or "result_for(" in source
    assert uses or "rng" not in inspect.getsource(measure.function)


def test_ten_networks_are_trained_where_no_result_is_given(tmp_path, monkeypatch):
    """S03 at full size without results: here with tiny networks."""
    pytest.importorskip("torch")
    from rate_models.experiments import energy_efficiency
    from validation.claims.schug2021 import energy_networks

    small = dataclasses.replace(
        energy_efficiency.QUICK, models=("soft_bound",), l2=(0.01,), seeds=(1,), step_factors=(),
        scanned_p=(), hidden_units=(8, 6), n_epochs=1, evaluate_every=1, n_samples=1, n_lesion_samples=1,
        lesion_fractions=(0.0, 0.5, 1.0), n_gradient_synapses=4, n_shuffles=2,
    )  # fmt: skip
    ten = {"seeds": tuple(range(2019, 2029)), "variant_seeds": (2019,)}
    monkeypatch.setattr(runs, "configuration", lambda *_: small)
    monkeypatch.setattr(energy_networks, "_TEN_NETWORKS", ten)
    measure = next(each for each in registry.all_measures() if each.name == "lesions")
    evidence = measure.evidence(Context(profile="full", keep=tmp_path, seed=2022))
    judged = next(row for row in evidence.measurements if row.clause == "S03a")
    assert judged.n == 10
    assert [run.config["seeds"] for run in evidence.runs] == [[2], list(range(2020, 2030))]
    # Killed and started again, it finds them.
    again = measure.evidence(Context(profile="full", keep=tmp_path, seed=2022))
    assert [m.as_json() for m in again.measurements] == [m.as_json() for m in evidence.measurements]
    assert len(list(tmp_path.glob("energy-*.nc"))) == 2
