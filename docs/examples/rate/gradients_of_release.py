r"""
Gradients through failures, in JAX
==================================

A synapse that releases with probability p scales what it transmits by :math:`r = k/p`, where k is 1 or 0: it
is right on average and wrong every time. Its squared error is

.. math:: \mathrm{E}[(w r - w)^2] = w^2 \frac{1 - p}{p}, \quad \frac{\partial}{\partial p} = -\frac{w^2}{p^2},

and with a cost c for each release it is cheapest at :math:`p = \min(1, |w|/\sqrt{c})`. A draw has no
derivative; an export for JAX has two that are used in its place: straight-through, and the score function.
"""

import types

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from brian2 import mV

from brianpresyn import bernoulli_release

# %%
# The text of the export is a module: written to a file it needs JAX and numpy only.

release = types.ModuleType("release")
exec(str(bernoulli_release(0.5, q=0.5 * mV).export("jax")), release.__dict__)
key = release.words(7)

# %%
# The score function multiplies what was lost by the derivative of the log probability of what was drawn.


def straight_through(p, weight, step, numbers):
    r = release.bernoulli_weight(jnp.ones_like(weight), p, key, step, numbers)
    return ((weight * r - weight) ** 2).mean(0).sum()


def score_function(p, weight, step, numbers):
    drawn = release.bernoulli_draw(key, step, p, numbers)
    r = release.transmitted_weight(
        jnp.ones_like(weight), p, drawn, is_straight_through=False
    )
    lost = (weight * r - weight) ** 2
    score = release.log_probability(p, drawn)
    return (lost + jax.lax.stop_gradient(lost) * score).mean(0).sum()


ESTIMATORS = {"straight-through": straight_through, "score function": score_function}

# %%
# At every p, the mean of 20,000 draws. The score function has the slope of the expected error. To the other
# one r is a smooth function of p, and it comes out at :math:`2 (1 - p)` times that slope.

p_values = jnp.linspace(0.1, 0.95, 18)
numbers = release.words(np.arange(20_000 * p_values.size).reshape(20_000, -1))
ones = jnp.ones((20_000, p_values.size))
slopes = {
    name: jax.jit(jax.grad(function))(p_values, ones, 1, numbers)
    for name, function in ESTIMATORS.items()
}

# %%
# Trained, each on its own, with a cost of 1 for a release: 256 draws of 40 synapses a step.

weights = jnp.linspace(0.05, 1.2, 40)
numbers = release.words(np.arange(256 * weights.size).reshape(256, -1))


def trained(function):
    def step(p, number):
        slope = jax.grad(function)(
            p, jnp.broadcast_to(weights, (256, weights.size)), number, numbers
        )
        return jnp.clip(p - 0.005 * (slope + 1.0), 0.02, 1.0), None

    return jax.lax.scan(step, jnp.full(weights.size, 0.5), jnp.arange(1, 3001))[0]


learned = {
    name: jax.jit(trained, static_argnums=0)(function)
    for name, function in ESTIMATORS.items()
}
off = {
    name: float(jnp.abs(p - jnp.minimum(weights, 1)).mean()) for name, p in learned.items()
}
print(
    ", ".join(
        f"{name}: {value:.3f} from the cheapest p on average" for name, value in off.items()
    )
)

# %%
# Straight-through leaves strong synapses too unreliable and weak ones too reliable.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(p_values, -1 / p_values**2, color="0.6", label="of the expected error")
left.plot(
    p_values, -2 * (1 - p_values) / p_values**2, ":", color="0.6", label=r"times $2(1 - p)$"
)
right.plot(weights, jnp.minimum(weights, 1), color="0.6", label="cheapest")
for name, colour in zip(ESTIMATORS, ("C0", "C1"), strict=True):
    left.plot(p_values, slopes[name], "o", ms=4, color=colour, label=name)
    right.plot(weights, learned[name], "o", ms=4, color=colour, label=name)
left.set(xlabel="release probability p", ylabel="slope by p")
right.set(xlabel="weight", ylabel="p after training")
for axes in (left, right):
    axes.legend(fontsize=8)
plt.show()
