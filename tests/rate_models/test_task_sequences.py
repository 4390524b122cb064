"""Plans: every image once per epoch, shared by equal seeds; permutations; mixtures at the transitions."""

import numpy as np
import pytest
import torch

from rate_models.task_sequences import (
    SPLIT_PAIRS,
    DataOrder,
    continuous_plans,
    members_of,
    pixel_orders,
    task_mixture,
)


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own():
    order = DataOrder([3, 4])
    first, second = (order.epoch(np.arange(50, 150), batch_size=20).images for _ in range(2))
    assert first.shape == (2, 5, 20)
    for plan in (first, second):
        for replica in plan:
            assert sorted(replica.flatten().tolist()) == list(range(50, 150))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], second[0])


def test_images_that_fill_no_batch_are_left_out():
    plan = DataOrder([1]).epoch(np.arange(107), batch_size=20).images
    assert plan.shape == (1, 5, 20)
    assert len(plan.unique()) == 100


def test_equal_seeds_see_the_same_images_in_any_company():
    batch, alone = DataOrder([7, 8, 7]), DataOrder([7])
    for _ in range(2):
        together = batch.epoch(np.arange(40), batch_size=10).images
        assert torch.equal(together[0], together[2])
        assert torch.equal(together[0], alone.epoch(np.arange(40), batch_size=10).images[0])
    batch.keep([1])
    other = DataOrder([8])
    for _ in range(2):
        other.epoch(np.arange(40), batch_size=10)
    expected = other.epoch(np.arange(40), batch_size=10).images
    assert torch.equal(batch.epoch(np.arange(40), batch_size=10).images, expected)


def test_too_few_images_are_named():
    with pytest.raises(ValueError, match="a batch of 20 needs at least as many images, got 5"):
        DataOrder([1]).epoch(np.arange(5), batch_size=20)
    with pytest.raises(TypeError, match=r"members must be indices, such as .*, got 100"):
        DataOrder([1]).epoch(100, batch_size=20)


def test_split_pairs_divide_the_classes():
    labels = torch.arange(10).repeat(3)
    members = [members_of(labels, pair) for pair in SPLIT_PAIRS]
    assert sorted(np.concatenate(members).tolist()) == list(range(30))
    assert set(labels[members[2]].tolist()) == {4, 5}


def test_pixel_orders_are_permutations_that_follow_the_seed():
    orders = pixel_orders([5, 6, 5], n_tasks=3, n_pixels=30)
    assert orders.shape == (3, 3, 30)
    assert torch.equal(orders.sort(dim=-1).values, torch.arange(30).expand(3, 3, 30))
    assert torch.equal(orders[0], orders[2])
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0, 0], orders[0, 1])


def test_tasks_mix_linearly_at_their_ends_only():
    mixture = task_mixture(3, 800, 0.25)
    np.testing.assert_allclose(mixture.sum(axis=1), 1)
    assert (mixture[:700, 0] == 1).all()
    np.testing.assert_allclose(mixture[700:800, 1], 0.5 * np.arange(100) / 100)
    np.testing.assert_allclose(mixture[800:900, 1], 0.5 + 0.5 * np.arange(100) / 100)
    np.testing.assert_allclose(mixture[800:900, 0], 0.5 - 0.5 * np.arange(100) / 100)
    assert (mixture[900:1500, 1] == 1).all()
    assert (mixture[1700:, 2] == 1).all()
    assert (task_mixture(2, 10, 0.0)[:10, 0] == 1).all()


def test_continuous_plans_follow_the_mixture_and_use_every_image():
    orders = pixel_orders([1, 2], n_tasks=3, n_pixels=4)
    options = {"images_per_task": 4000, "batch_size": 100, "transition": 0.5, "steps_per_plan": 50}
    plans = list(continuous_plans([1, 2], orders, 60, **options))
    assert [plan.n_steps for plan in plans] == [50, 50, 20]
    tasks = torch.cat([plan.variant for plan in plans], dim=1).flatten(1)
    images = torch.cat([plan.images for plan in plans], dim=1)
    assert set(images.unique().tolist()) == set(range(60))
    expected = task_mixture(3, 4000, 0.5)
    for window in (slice(0, 3000), slice(3000, 4000), slice(4000, 5000), slice(5000, 7000)):
        for task in range(3):
            share = expected[window, task].mean()
            seen = (tasks[:, window] == task).double().mean(dim=1)
            n = window.stop - window.start
            assert (abs(seen - share) <= 5 * (share * (1 - share) / n) ** 0.5 + 1e-12).all()
