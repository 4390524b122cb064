"""Random streams: the distribution of every kind, and independence of replicas, purposes and draws."""

import pytest
import torch
from scipy import stats

from rate_models import draws
from rate_models.draws import Draw
from rate_models.random_streams import (
    CounterStreams,
    HostStreams,
    Purpose,
    released,
    standard_normal,
)

CPU = torch.device("cpu")


def streams_of(kind, seeds, purpose=Purpose.TRAINING_NOISE):
    if kind == "host":
        return HostStreams(seeds, purpose, dtype=torch.float64)
    return CounterStreams(seeds, purpose, device=CPU)


def test_accelerators_draw_by_the_hash_of_the_layers():
    streams, p = CounterStreams([11, 12], Purpose.TRAINING_NOISE, device=CPU), torch.rand(2, 70)
    streams.bits(70)
    noise = streams.bits(70)
    for row, key in enumerate(noise.draw.key[:, 0]):
        draw = Draw(key, torch.tensor(2))
        assert torch.equal(released(noise, p)[row], draws.released(draw, p[row]))
        expected = draws.standard_normal(draw, torch.empty(70, dtype=torch.float64))
        assert torch.equal(standard_normal(noise, torch.float64)[row], expected)


@pytest.mark.parametrize("kind", ["host", "counter"])
@pytest.mark.parametrize("p", [0.01, 0.25, 0.7, 0.999])
def test_release_has_its_probability_and_no_memory(kind, p):
    streams, n = streams_of(kind, [1, 2]), 100_000
    draws = [released(streams.bits(n), torch.full((2, n), p, dtype=torch.float64)) for _ in range(3)]
    se = (p * (1 - p) / n) ** 0.5
    for drawn in draws:
        assert (abs(drawn.mean(1) - p) < 5 * se + 2.0**-17).all()
    pairs = [(draws[0][0], draws[0][1]), (draws[0][0], draws[1][0]), (draws[1][1, :-1], draws[1][1, 1:])]
    rarer = float(p <= 0.5)
    for first, second in pairs:
        both = int(((first == rarer) & (second == rarer)).sum())
        assert stats.binomtest(both, len(first), min(p, 1 - p) ** 2).pvalue > 1e-6


@pytest.mark.parametrize("kind", ["host", "counter"])
def test_certain_and_impossible_release(kind):
    streams = streams_of(kind, [1])
    assert released(streams.bits(200_000), torch.ones(1, 200_000)).all()
    assert not released(streams.bits(200_000), torch.zeros(1, 200_000)).any()


@pytest.mark.parametrize("kind", ["host", "counter"])
def test_normal_numbers_are_normal(kind):
    streams = streams_of(kind, [3, 4])
    drawn = standard_normal(streams.normals(50_000), torch.float64)
    for row in drawn:
        assert stats.kstest(row.numpy(), "norm").pvalue > 1e-4
    assert abs(float(torch.corrcoef(drawn)[0, 1])) < 5 / 50_000**0.5


@pytest.mark.parametrize("kind", ["host", "counter"])
def test_streams_depend_on_seed_and_purpose_only(kind):
    half = torch.full((1, 1000), 0.5, dtype=torch.float64)
    alone = released(streams_of(kind, [8]).bits(1000), half)
    batch = released(streams_of(kind, [7, 8]).bits(1000), half.expand(2, -1).contiguous())
    other = released(streams_of(kind, [8], Purpose.EVALUATION_NOISE).bits(1000), half)
    assert torch.equal(alone[0], batch[1])
    assert 400 < int((alone != other).sum()) < 600


@pytest.mark.parametrize("kind", ["host", "counter"])
@pytest.mark.parametrize("seeds", [[7, 7], [7, 8, 7]])
def test_replicas_of_one_seed_share_their_numbers(kind, seeds):
    streams, alone = streams_of(kind, seeds), streams_of(kind, [7])
    for _ in range(2):
        drawn = standard_normal(streams.normals(300), torch.float64)
        expected = standard_normal(alone.normals(300), torch.float64)[0]
        assert all(torch.equal(row, expected) == (seed == 7) for row, seed in zip(drawn, seeds, strict=True))
    streams.keep([1])
    drawn = standard_normal(streams.normals(300), torch.float64)
    alone = standard_normal(alone.normals(300), torch.float64)
    assert torch.equal(drawn, alone) == (seeds[1] == 7)


@pytest.mark.parametrize("kind", ["host", "counter"])
def test_kept_streams_go_on_where_they_were(kind):
    whole, part = streams_of(kind, [1, 2, 3]), streams_of(kind, [1, 2, 3])
    half = torch.full((3, 400), 0.5, dtype=torch.float64)
    released(whole.bits(400), half), released(part.bits(400), half)
    part.keep([2])
    assert torch.equal(released(part.bits(400), half[:1])[0], released(whole.bits(400), half)[2])


@pytest.mark.parametrize("kind", ["bits", "normals"])
def test_promises_held_together_are_of_different_numbers(kind):
    streams, again = (CounterStreams([1, 2], Purpose.TRAINING_NOISE, device=CPU) for _ in range(2))
    draw = {
        "bits": lambda noise: released(noise, torch.full((2, 500), 0.5)),
        "normals": lambda noise: standard_normal(noise, torch.float32),
    }[kind]
    held = [getattr(streams, kind)(500) for _ in range(3)]
    taken_at_once = [draw(getattr(again, kind)(500)) for _ in range(3)]
    for promise, expected in zip(held, taken_at_once, strict=True):
        assert torch.equal(draw(promise), expected)
    assert not torch.equal(taken_at_once[0], taken_at_once[1])
