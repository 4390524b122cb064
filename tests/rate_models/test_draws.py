"""Draws are a function of key, step and place alone, and behave as random numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rate_models.draws import Draw, key_of, normal_rows, released, standard_normal


def draw(key, step=0, device="cpu"):
    return Draw(torch.tensor(key, device=device), torch.tensor(step, device=device))


def reference_bits(key, step, n):
    """Return the upper 24 bits of the words of a draw, in numpy's unsigned words."""
    word = 2**64 - 1
    z = (key + step * 0x9E3779B97F4A7C15) & word
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    z ^= z >> 31
    first, second = np.uint32(z & 0xFFFFFFFF), np.uint32(z >> 32)
    x = np.arange(n, dtype=np.uint32) + first
    x = (x ^ (x >> np.uint32(17))) * np.uint32(0xED5AD4BB) ^ second
    x = (x ^ (x >> np.uint32(11))) * np.uint32(0xAC4C1B51)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x31848BAB)
    return x >> np.uint32(8)


@settings(max_examples=40, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**62), st.integers(1, 70_000), st.floats(0, 1))
def test_releases_are_those_of_unsigned_integer_arithmetic(key, step, n, p):
    # The words start in the middle of the signed ones, at 2^23.
    bits = (reference_bits(key, step, n).astype(np.int64) + 2**23) % 2**24
    expected = bits - 2**23 < math.ceil((p - 0.5) * 2**24)
    drawn = released(draw(key, step), torch.full((n,), p, dtype=torch.float64))
    assert np.array_equal(drawn.numpy(), expected)


@pytest.mark.parametrize("p", [1e-4, 0.05, 0.3, 0.5, 0.75, 0.999])
def test_releases_are_independent_and_as_frequent_as_p_says(p):
    n, n_draws = 2**16, 40
    drawn = torch.stack(
        [
            released(draw(key_of(seed, "weight"), step), torch.full((n,), p))
            for seed in range(8)
            for step in range(5)
        ]
    ).double()
    total = drawn.sum().item()
    assert stats.binomtest(int(total), n * n_draws, p).pvalue > 1e-4
    centred = (drawn - p) / math.sqrt(p * (1 - p))
    lags = (1, 2, 3, 28, 64, 100, 256, 784, 4096, 32768)
    z = [float((centred[:, :-lag] * centred[:, lag:]).sum()) / math.sqrt(n_draws * (n - lag)) for lag in lags]
    assert np.abs(z).max() < 5
    # Between steps, and between keys, place by place.
    between = (centred[:-1] * centred[1:]).sum(dim=1).numpy() / math.sqrt(n)
    assert np.abs(between).max() < 5


def test_bytes_are_uniform_at_every_place_of_the_word():
    bits = np.concatenate([reference_bits(key_of(1, str(key)), 3, 2**16) for key in range(8)])
    for shift in (0, 8, 16):
        counts = np.bincount((bits >> np.uint32(shift)) & np.uint32(255), minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_bounds_are_exact():
    p = torch.tensor([0.0, 1.0]).repeat(100_000)
    assert torch.equal(released(draw(5), p), p)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_precision_changes_no_decision(dtype):
    p = torch.full((1000,), 0.25)
    drawn = released(draw(5), p.to(dtype))
    assert drawn.dtype == dtype
    assert torch.equal(drawn.float(), released(draw(5), p))


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (300, 300)])
def test_shape_and_memory_layout_change_no_decision(shape):
    p = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    drawn = released(draw(9), p)
    assert torch.equal(drawn.flatten(), released(draw(9), p.flatten()))
    assert torch.equal(drawn, released(draw(9), p.T.contiguous().T if p.ndim == 2 else p))


def test_a_batched_key_draws_what_each_key_draws():
    keys = torch.tensor([1, 2, 3])
    p = torch.rand(3, 40_000, generator=torch.Generator().manual_seed(0))
    batched = torch.vmap(lambda key, p: released(Draw(key, torch.tensor(4)), p))(keys, p)
    assert all(torch.equal(batched[i], released(draw(int(keys[i]), 4), p[i])) for i in range(3))
    shared_p = torch.vmap(lambda key: released(Draw(key, torch.tensor(4)), p[0]))(keys)
    assert torch.equal(shared_p[1], released(draw(2, 4), p[0]))
    assert not torch.equal(shared_p[0], shared_p[1])


def test_sites_of_every_synapse_release_binomially():
    n_sites = torch.tensor([1, 2, 5]).repeat_interleave(20_000)
    counts = released(draw(11), torch.full((60_000,), 0.3), n_sites)
    for n in (1, 2, 5):
        observed = np.bincount(counts[n_sites == n].int().numpy(), minlength=n + 1)
        expected = 20_000 * stats.binom.pmf(np.arange(n + 1), n, 0.3)
        assert stats.chisquare(observed, expected).pvalue > 1e-4
    assert torch.equal(counts[n_sites == 1], released(draw(11), torch.full((60_000,), 0.3))[n_sites == 1])


def test_normal_numbers_are_normal_and_independent():
    numbers = torch.stack([standard_normal(draw(3, step), torch.empty(50_001)) for step in range(4)])
    assert stats.kstest(numbers.flatten().numpy(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(numbers.numpy())[np.triu_indices(4, 1)]).max() < 5 / math.sqrt(50_001)
    half = 25_001  # what shares a radius
    assert abs(np.corrcoef(numbers[0, : half - 1], numbers[0, half:])[0, 1]) < 5 / math.sqrt(half)
    squares = numbers.square()
    assert abs(np.corrcoef(squares[0, : half - 1], squares[0, half:])[0, 1]) < 5 / math.sqrt(half)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bits", [-(2**23), 1 - 2**23, 0, 2**23 - 1])
def test_no_random_bits_give_a_number_that_is_not_finite(monkeypatch, dtype, bits):
    monkeypatch.setattr(
        "rate_models.draws._KeyedHash.top_bits",
        lambda keyed, places, start: torch.full_like(places, bits),
    )
    numbers = normal_rows(draw(1), 4, dtype)
    radius = math.sqrt(-2 * math.log((bits + 2**23 + 0.5) * 2**-24))
    assert numbers[::2].square().sum().item() == pytest.approx(radius**2, rel=1e-5, abs=1e-6)


def test_meta_tensors_give_shapes_and_types_of_the_words():
    p = torch.empty(3, 5, device="meta")
    drawn = released(draw(1, 0, "meta"), p)
    assert drawn.device.type == "meta" and drawn.shape == (3, 5) and drawn.dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_what_the_cpu_draws():
    p = torch.rand(1000, 77, generator=torch.Generator().manual_seed(0))
    on_gpu = released(draw(13, 5, "cuda"), p.cuda(), 3).cpu()
    assert torch.equal(on_gpu, released(draw(13, 5), p, 3))
    normal = standard_normal(draw(13, 5, "cuda"), p.cuda()).cpu()
    torch.testing.assert_close(normal, standard_normal(draw(13, 5), p), rtol=1e-4, atol=1e-5)


def test_a_generator_of_torch_may_be_used_instead():
    p = torch.full((10_000,), 0.3)
    first, again = (released(torch.Generator().manual_seed(2), p) for _ in range(2))
    assert torch.equal(first, again)
    assert stats.binomtest(int(first.sum()), 10_000, 0.3).pvalue > 1e-4


def test_half_precision_of_p_is_not_that_of_the_numbers_of_a_generator():
    p = torch.full((200_000,), 0.01, dtype=torch.bfloat16)
    n = int(released(torch.Generator().manual_seed(1), p).float().sum())
    assert stats.binomtest(n, len(p), float(p[0])).pvalue > 1e-4


def test_key_depends_on_seed_and_name():
    keys = {key_of(seed, name) for seed in range(20) for name in ("0.weight", "1.weight", "weight")}
    assert len(keys) == 60
    with pytest.raises(TypeError, match="whole number"):
        key_of(1.5, "weight")


def test_too_many_numbers_are_refused():
    with pytest.raises(ValueError, match="split the tensor"):
        released(draw(1, 0, "meta"), torch.empty(2**31, device="meta"))
