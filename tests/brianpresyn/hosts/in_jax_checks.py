"""Check what an export for JAX has beside draws: python in_jax_checks.py FOLDER MINI_KEY N_TICKS"""

import sys

sys.path.insert(0, sys.argv[1])

import jax
import jax.numpy as jnp
import minis
import numpy as np
import tested

key, numbers = tested.words(-7), tested.words(np.arange(20_000))

# Straight-through: k w / (n p) has the slope (w / p)(1 - k / (n p)) by p, and k / (n p) by w.
p, weight, n = jnp.float32(0.4), jnp.float32(2.0), 5
count = np.asarray(tested.binomial_draw(key, 3, n, p, numbers), float)


def total(p, weight):
    return tested.binomial_weight(weight, p, n, key, 3, numbers).sum()


by_p, by_weight = jax.jit(jax.grad(total, (0, 1)))(p, weight)
np.testing.assert_allclose(by_p, np.sum(2.0 / 0.4 * (1 - count / (n * 0.4))), rtol=2e-3, atol=20)
np.testing.assert_allclose(by_weight, np.sum(count / (n * 0.4)), rtol=1e-4)
_, forward = jax.jvp(lambda p: total(p, weight), (p,), (jnp.float32(1.0),))
np.testing.assert_allclose(forward, by_p, rtol=1e-3, atol=20)

# Score function: the mean over many draws is the slope of the expected loss, here of E[(k - 1)^2].


def surrogate(p):
    p = jnp.full(20_000, p)
    k = tested.binomial_draw(key, 4, n, p, numbers)
    w = tested.transmitted_weight(n * p, p, k, n, is_straight_through=False)
    loss = (jax.lax.stop_gradient(w) - 1.0) ** 2
    return jnp.mean(loss * tested.log_probability(p, k, n))


# E[(k - 1)^2] = n p (1 - p) + (n p - 1)^2
exact = n * (1 - 2 * 0.4) + 2 * n * (n * 0.4 - 1)
assert abs(float(jax.grad(surrogate)(p)) - exact) < 5 * 30 / np.sqrt(20_000)

# What always or never releases has a slope: that of p**count * (1 - p)**(n - count) with the count it has.
for p_certain, count, slope in ((1.0, 5, 5.0), (0.0, 0, -5.0)):
    assert float(jax.grad(tested.log_probability)(p_certain, count, 5)) == slope

# A probability of 32 bits is taken for what it is; of numpy it is refused.
rounded = np.float64(np.float32(0.3))
same = tested.bernoulli_draw(key, 5, jnp.float32(0.3), numbers) == tested.bernoulli_draw(
    key, 5, rounded, numbers
)
assert bool(same.all())
for wrong in (np.float32(0.3), np.full(3, 0.3, np.float32)):
    try:
        tested.chance(wrong)
    except TypeError as error:
        assert "float64" in str(error)
    else:
        raise AssertionError("float32 of numpy was taken")
for odd, expected in ((-0.1, 0), (np.nan, 0), (1.5, 1)):
    assert int(tested.bernoulli_draw(key, 6, odd, numbers).sum()) == expected * 20_000
    assert int(tested.binomial_draw(key, 6, 3, odd, numbers).sum()) == 3 * expected * 20_000
# Under vmap, as one by one.
many = jax.vmap(lambda event: tested.binomial_draw(key, event, 40, p, numbers))(jnp.arange(1, 4))
for place in range(3):
    assert bool((many[place] == tested.binomial_draw(key, place + 1, 40, p, numbers)).all())

# Minis: how many of each synapse, for the test to compare with Brian2.
parameters, state = minis.build(
    np.arange(16), release_key=1, mini_key=int(sys.argv[2]), mini_rate=90.0, p=0.3, q=1.0
)
advance = jax.jit(minis.every_1000_us)
for tick in range(int(sys.argv[3])):
    state, amount = advance(parameters, state, 1e-3 * tick)
print(state["n_minis"].tolist())
