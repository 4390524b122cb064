"""Important synapses per neuron: counts, the two shuffles against their exact moments, tests, correlation."""

import numpy as np
import pytest
import torch
from scipy import stats

from rate_models.layout import Layout
from rate_models.sparsity import (
    ImportanceOfNeurons,
    counts_per_neuron,
    importance_of_neurons,
    important_synapses,
    input_output_correlation,
    most_important,
    overlap_of_tasks,
    shuffled_counts,
)


def rng(seed=3):
    return np.random.default_rng(seed)


def uneven_matrix(n_out=40, n_in=60):
    """Return a matrix whose presynaptic neurons have very different numbers of important outputs."""
    share = np.linspace(0.02, 0.6, n_in)
    return rng(1).random((n_out, n_in)) < share


def test_importance_starts_at_the_threshold_and_keeps_the_layers_apart():
    layout = Layout((2, 3, 1))
    p = torch.tensor([[0.9, 0.1, 0.95, 0.2, 0.899, 0.9, 1.0, 0.3, 0.9]])
    first, second = important_synapses(p, layout)
    assert first[0].tolist() == [[True, False], [True, False], [False, True]]
    assert second[0].tolist() == [[True, False, True]]


@pytest.mark.parametrize("shuffle", ["matrix", "partners"])
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_shuffles_keep_the_number_of_important_synapses(shuffle, side):
    matrix = uneven_matrix()
    counts = shuffled_counts(matrix, side, rng=rng(), shuffle=shuffle, n_shuffles=20)
    assert counts.shape == (20, 40 if side == "inputs" else 60)
    assert (counts.sum(axis=1) == matrix.sum()).all()


def variance_of_count(matrix, shuffle):
    """Return the exact variance of a shuffled count of inputs."""
    n_in = matrix.shape[1]
    if shuffle == "matrix":
        return stats.hypergeom(matrix.size, matrix.sum(), n_in).var()
    share = matrix.mean(axis=0)
    return float(np.sum(share * (1 - share)))


@pytest.mark.parametrize("shuffle", ["matrix", "partners"])
def test_shuffled_counts_have_the_variance_of_their_shuffle(shuffle):
    matrix = uneven_matrix()
    counts = shuffled_counts(matrix, "inputs", rng=rng(), shuffle=shuffle, n_shuffles=4000)[:, 0]
    exact = variance_of_count(matrix, shuffle)
    mean_error = np.sqrt(exact / 4000)
    assert abs(counts.mean() - matrix.sum() / 40) < 5 * mean_error
    assert abs(counts.var(ddof=1) / exact - 1) < 5 * np.sqrt(2 / 4000)
    assert variance_of_count(matrix, "matrix") > 1.1 * variance_of_count(matrix, "partners")


def test_keeping_partners_of_outputs_keeps_what_each_postsynaptic_neuron_receives():
    matrix = uneven_matrix().T
    counts = shuffled_counts(matrix, "outputs", rng=rng(), shuffle="partners", n_shuffles=2000)[:, 5]
    share = matrix.mean(axis=1)
    exact = np.sum(share * (1 - share))
    assert abs(counts.var(ddof=1) / exact - 1) < 5 * np.sqrt(2 / 2000)


def test_random_connectivity_passes_and_concentrated_connectivity_fails_the_test():
    even = rng(7).random((200, 200)) < 0.2
    uneven = rng(8).random((200, 200)) < np.linspace(0, 0.4, 200)[:, None]
    _, p_even = importance_of_neurons(even, "inputs", rng=rng()).ks_test()
    d_uneven, p_uneven = importance_of_neurons(uneven, "inputs", rng=rng()).ks_test()
    assert p_even > 1e-4
    assert p_uneven < 1e-6 and d_uneven > 0.3


def test_low_and_high_neurons_lie_two_standard_deviations_from_the_shuffled_mean():
    shuffled = np.array([[8, 12, 8, 12, 8, 12], [12, 8, 12, 8, 12, 8]])
    found = ImportanceOfNeurons(np.array([6, 7, 10, 13, 14, 20]), shuffled)
    assert found.bounds == (6.0, 14.0)
    np.testing.assert_allclose(found.shares_low_medium_high, (1 / 6, 3 / 6, 2 / 6))
    np.testing.assert_allclose(found.shuffled_shares_low_medium_high, (0, 1, 0))


def test_without_important_synapses_every_neuron_is_in_the_middle():
    found = importance_of_neurons(np.zeros((5, 6), dtype=bool), "inputs", rng=rng())
    assert found.shares_low_medium_high == (0.0, 1.0, 0.0)


def test_correlation_is_recovered_and_its_interval_covers_it_as_often_as_it_says():
    n_neurons, n_pairs = 200, 600
    pairs = rng().multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=(n_pairs, n_neurons))
    found = [input_output_correlation(*pair.T) for pair in pairs]
    error = (1 - 0.64) / np.sqrt(n_neurons * n_pairs)
    assert np.mean([r for r, _ in found]) == pytest.approx(0.8, abs=5 * error)
    n_covered = sum(low < 0.8 < high for _, (low, high) in found)
    assert stats.binomtest(n_covered, n_pairs, 0.95).pvalue > 1e-4


def test_a_share_of_each_layer_is_most_important():
    layout = Layout((2, 3, 1))
    importance = torch.tensor([[0.9, 0.1, 0.95, 0.2, 0.3, 0.4, 9.0, 8.0, 10.0] + 4 * [99.0]])
    chosen = most_important(importance, layout, 1 / 3)
    assert chosen[0].tolist() == [True, False, True] + 5 * [False] + [True]


def test_overlap_is_the_share_by_chance_and_one_of_equal_tasks():
    drawn = rng().random((3, 10, 4000)).argsort(axis=2) < 400
    assert overlap_of_tasks(drawn) == pytest.approx(0.1, abs=5 * np.sqrt(0.09 * 0.9 / 400 / 45))
    assert overlap_of_tasks(np.repeat(drawn[:, :1], 10, axis=1)) == pytest.approx(1.0)


def test_counts_that_do_not_vary_have_no_correlation():
    assert np.isnan(input_output_correlation(np.ones(9), np.arange(9))[0])


def test_unknown_names_and_unequal_lengths_are_refused():
    matrix = uneven_matrix()
    with pytest.raises(ValueError, match="matrix, partners, got 'rows'"):
        shuffled_counts(matrix, "inputs", rng=rng(), shuffle="rows")
    with pytest.raises(ValueError, match="inputs, outputs, got 'both'"):
        counts_per_neuron(matrix, "both")
    with pytest.raises(ValueError, match="same four or more neurons"):
        input_output_correlation([1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match=r"shape \(shuffle, 4\)"):
        ImportanceOfNeurons(np.arange(4), np.zeros((2, 5), dtype=int))
