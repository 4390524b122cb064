"""The lifelong learning experiment: settings, protocol, resuming, and its panels."""

import dataclasses
import functools

import numpy as np
import pytest

from biophys.sweeps.store import replica_key
from rate_models.continual_methods import Replica
from rate_models.devices import Execution
from rate_models.experiments import lifelong
from rate_models.experiments.lifelong import Config, Group, published_setting, run, settings_of
from rate_models.experiments.lifelong_figures import accuracy_table, summary, tasks_learned
from rate_models.experiments.lifelong_methods import ABLATION_ARMS, METHODS, PUBLISHED_ACCURACY, on

TINY = Config(
    benchmarks=("permuted_digits", "continuous_digits", "split_digits", "task_split_digits"),
    methods=(
        *on("split", ("presynaptic", "none", "sgd_tuned", "ewc", "ewc_sampled_online", "joint")),
        *on("permuted", ("presynaptic", "presynaptic_tuned", "full_arm", "ghost_arm", "full_tuned")),
        *on("split_digits", ("full_arm", "ghost_arm", "full_tuned")),
        "presynaptic@continuous",
        "ghost_tuned@split_digits",
        "ghost_tuned@permuted_digits",
    ),
    seeds=(1, 2),
    n_seeds_permuted=2,
    n_seeds_continuous=1,
    hidden_units=(8,),
    n_epochs=1,
    n_epochs_search_split=1,
    n_epochs_search_permuted=1,
    batch_size=100,
    n_permuted_tasks=2,
    n_trials_split=2,
    n_trials_permuted=2,
    search_seeds_split=(101,),
    n_samples=1,
    n_fisher_images=20,
)


@pytest.fixture(scope="module")
def result():
    return run(TINY)


def test_every_method_has_its_table(result):
    for benchmark, n_tasks in zip(TINY.benchmarks, (2, 2, 5, 5), strict=True):
        names = {method.name for method in TINY.methods_on(benchmark)}
        for name in (str(own) for own in result["algorithm"].to_numpy()):
            table = accuracy_table(result, benchmark, name)
            n_seeds = len(TINY.seeds_on(benchmark)) if name in names else 0
            assert table.shape == (n_seeds, n_tasks + 1, n_tasks)
    order = summary(result, "split_digits", "sgd_tuned")
    assert np.isfinite(order["forgetting"]).all()
    joint = summary(result, "split_digits", "joint")
    assert np.isfinite(joint["final accuracy"]).all()
    assert np.isnan(joint["backward transfer"]).all()
    assert tasks_learned(result, "mean_p", "permuted_digits", "presynaptic")[:, 0] == pytest.approx(0.25)
    assert tasks_learned(result, "mean_p", "split_digits", "sgd_tuned").shape[0] == 0


def test_every_searched_method_has_as_many_trials(result):
    score = result.trial_score.sel(benchmark="split_digits")
    tried = np.isfinite(result.trial_setting.sel(benchmark="split_digits", hyperparameter="learning_rate"))
    for name in ("sgd_tuned", "ewc"):
        assert int(tried.sel({"algorithm": name}).sum()) == 2
        used = result.setting.sel(
            {"benchmark": "split_digits", "algorithm": name, "hyperparameter": "learning_rate"}
        )
        best = int(np.nanargmax(score.sel({"algorithm": name})))
        setting = result.trial_setting.sel(
            {"benchmark": "split_digits", "algorithm": name, "hyperparameter": "learning_rate", "trial": best}
        )
        assert float(used) == float(setting)


def test_arms_tuned_on_permuted_images_keep_their_share_of_the_rate(result):
    rate = result.setting.sel(hyperparameter="learning_rate")
    permuted = float(rate.sel({"benchmark": "permuted_digits", "algorithm": "ghost_tuned"}))
    split = float(rate.sel({"benchmark": "split_digits", "algorithm": "ghost_tuned"}))
    assert split / TINY.learning_rate_split == pytest.approx(permuted / TINY.learning_rate_permuted)
    same = float(rate.sel({"benchmark": "permuted_digits", "algorithm": "full_tuned"}))
    assert same == float(rate.sel({"benchmark": "permuted_digits", "algorithm": "presynaptic_tuned"}))
    trials = result.trial_score.sel(benchmark="permuted_digits")
    np.testing.assert_array_equal(
        trials.sel({"algorithm": "full_tuned"}), trials.sel({"algorithm": "presynaptic_tuned"})
    )
    assert np.isfinite(trials.sel({"algorithm": "ghost_tuned"})).all()


def test_a_trial_may_learn_the_first_tasks_only(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    config = dataclasses.replace(
        TINY,
        benchmarks=("permuted_digits",),
        methods=("full_tuned", "neither_tuned"),
        n_permuted_tasks=3,
        n_tasks_search_permuted=2,
        search_storage=f"sqlite:///{tmp_path / 'search.db'}",
    )
    n_tasks = []
    compute = lifelong.learned

    @functools.wraps(compute)
    def counted(program, replicas, sequence, *args, **options):
        n_tasks.extend([len(sequence.train_members)] * len(replicas))
        return compute(program, replicas, sequence, *args, **options)

    monkeypatch.setattr(lifelong, "learned", counted)
    networks = tmp_path / "networks"
    found = run(config, keep_in=networks)
    # Two trials and two networks of each of two arms.
    assert sorted(n_tasks) == [2] * 4 + [3] * 4
    assert np.isfinite(found.trial_score).all()
    assert np.isfinite(found.accuracy).all()
    again = run(config, keep_in=networks)
    assert len(n_tasks) == 8
    np.testing.assert_array_equal(again.trial_score, found.trial_score)
    whole = run(dataclasses.replace(config, n_tasks_search_permuted=0), keep_in=networks)
    assert sorted(n_tasks[8:12]) == [3] * 4
    assert not np.array_equal(whole.trial_score, found.trial_score)


def test_variants_of_elastic_weights_share_the_search(result):
    at = {"benchmark": "split_digits", "hyperparameter": ["learning_rate", "strength"]}
    own = result.setting.sel({**at, "algorithm": "ewc"}).to_numpy()
    np.testing.assert_array_equal(
        own, result.setting.sel({**at, "algorithm": "ewc_sampled_online"}).to_numpy()
    )


def test_published_settings_are_the_first_trial_of_a_tuned_form(result):
    at = {"benchmark": "permuted_digits", "trial": 0}
    first = result.trial_setting.sel({**at, "algorithm": "presynaptic_tuned"})
    published = published_setting(TINY, "permuted_digits", METHODS["presynaptic"])[1]
    assert {name: float(first.sel(hyperparameter=name)) for name in published} == pytest.approx(published)
    ghost = published_setting(TINY, "permuted_digits", METHODS["ghost_arm"])[1]
    tried = result.trial_setting.sel({**at, "algorithm": "ghost_tuned", "hyperparameter": "p_up"})
    assert float(tried) == pytest.approx(ghost["p_up"])


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    config = dataclasses.replace(
        TINY,
        benchmarks=("split_digits",),
        methods=("none", "sgd_tuned"),
        networks_per_batch=1,
    )
    n_calls = []
    compute = lifelong.learned

    @functools.wraps(compute)
    def counted(*args, **options):
        n_calls.append(len(args[1]))
        if len(n_calls) == 3:
            raise KeyboardInterrupt
        return compute(*args, **options)

    monkeypatch.setattr(lifelong, "learned", counted)
    with pytest.raises(KeyboardInterrupt):
        run(config, keep_in=tmp_path)
    found = run(config, keep_in=tmp_path)
    # Two trials and four networks, of which two were there; the third was asked for twice.
    assert n_calls == [1] * 7
    run(config, keep_in=tmp_path)
    assert len(n_calls) == 7
    monkeypatch.setattr(lifelong, "learned", compute)
    whole = run(dataclasses.replace(config, networks_per_batch=0))
    np.testing.assert_allclose(found.accuracy, whole.accuracy, atol=0.02)


def test_networks_that_differ_in_name_only_are_trained_once(monkeypatch):
    trained = []
    compute = lifelong.learned

    def counted(program, replicas, *args, **options):
        trained.extend(replicas)
        return compute(program, replicas, *args, **options)

    monkeypatch.setattr(lifelong, "learned", counted)
    methods = ("presynaptic_tuned", "full_tuned")
    run(dataclasses.replace(TINY, benchmarks=("permuted_digits",), methods=methods))
    assert len(trained) == 2 + 2


def test_a_network_is_known_by_all_that_shapes_it():
    group, replica = Group("split_digits", "ewc"), Replica(1, {"learning_rate": 0.1, "strength": 1.0})
    own = settings_of(TINY, group, replica)
    others = [
        settings_of(dataclasses.replace(TINY, n_epochs=2), group, replica),
        settings_of(dataclasses.replace(TINY, n_fisher_images=21), group, replica),
        settings_of(TINY, dataclasses.replace(group, in_search=True), replica),
        settings_of(TINY, group, dataclasses.replace(replica, fisher="sampled")),
        settings_of(TINY, group, Replica(1, {"learning_rate": 0.1, "strength": 2.0})),
    ]
    assert len({replica_key(settings) for settings in (own, *others)}) == 6


def test_a_result_survives_its_file(result, tmp_path):
    result.to_netcdf(tmp_path / "lifelong.nc", engine="scipy")
    assert (tmp_path / "lifelong.nc").stat().st_size < 300_000


@pytest.mark.parametrize("panel", lifelong.FIGURES)
def test_panels_are_drawn_from_the_result_alone(result, panel):
    from matplotlib.figure import Figure

    figure = Figure()
    lifelong.FIGURES[panel](result, figure)
    assert figure.axes
    assert all(axes.get_ylabel() for axes in figure.axes)


def test_published_settings_are_those_of_the_program():
    config = Config()
    assert published_setting(config, "split_mnist", METHODS["none"]) == ("adam", {"learning_rate": 1e-6})
    assert published_setting(config, "permuted_mnist", METHODS["none"]) == ("sgd", {"learning_rate": 1e-3})
    program, setting = published_setting(config, "permuted_fashion", METHODS["presynaptic"])
    assert program == "consolidating"
    assert setting == {"learning_rate": 0.01, "p_up": 0.052, "p_down": 0.0516, "p_freeze": 0.9353}
    program, setting = published_setting(config, "split_mnist", METHODS["misnormalised_ghost_arm"])
    assert program == "ghost_misnormalised"
    assert (setting["p_down"], setting["p_up"]) == (0.09833934, 0.09764242)
    assert setting["learning_rate"] == 0.001


def test_arms_differ_in_what_they_are_named_for():
    assert {"full_arm", "no_freezing_tuned", "neither_arm", "misnormalised_ghost_arm"} <= set(ABLATION_ARMS)
    assert METHODS["neither_arm"].program == METHODS["no_modulation_arm"].program == "plastic"
    assert "p_freeze" not in METHODS["no_freezing_tuned"].space
    assert "p_freeze" in METHODS["ghost_tuned"].space
    assert (
        METHODS["ghost_tuned"].space["learning_rate"] == METHODS["presynaptic_tuned"].space["learning_rate"]
    )
    assert {name for table in PUBLISHED_ACCURACY.values() for name in table} <= set(METHODS)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match=r"benchmark must be split, .*got 'split_letters'"):
        Config(benchmarks=("split_letters",))
    with pytest.raises(ValueError, match=r"methods must be one of .*got 'magic'"):
        Config(methods=("magic@split",))
    with pytest.raises(ValueError, match="no method is asked for on continuous_mnist"):
        Config(methods=("presynaptic@split",), benchmarks=("split_mnist", "continuous_mnist"))
    with pytest.raises(ValueError, match=r"n_tasks_search_permuted must be 0 \(all\) or 2 to 10, .*got 1"):
        Config(n_tasks_search_permuted=1)
    with pytest.raises(ValueError, match="must be other seeds"):
        Config(seeds=(101, 5))
    with pytest.raises(ValueError, match="is tuned on permuted tasks: put it before split_digits"):
        run(dataclasses.replace(TINY, benchmarks=("split_digits",)), execution=Execution())
