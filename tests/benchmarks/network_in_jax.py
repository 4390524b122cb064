"""Network A in JAX, from the folder where exported.py lies: python network_in_jax.py

It prints seconds; what the network is comes as JSON on the standard input. In each step only the
synapses of the sources that spike are taken out, advanced and put back.
"""

import json
import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
sys.path.insert(0, os.getcwd())

import exported
import jax
import jax.numpy as jnp
import numpy as np

STEP = 1e-4
# More spikes than this come in one step of 1e7.
MOST_SPIKES = 16
N_STEPS_AT_ONCE = 1000


def seconds(task: dict) -> float:
    """Return the processor time of Poisson sources that excite passive neurons, without its set-up."""
    rng = np.random.default_rng(3)
    n_sources, n_each = task["n_sources"], task["n_synapses_per_source"]
    shape = n_sources, n_each
    post = np.array([rng.choice(task["n_targets"], n_each, replace=False) for _ in range(n_sources)])
    p = rng.uniform(*task["p"], n_sources * n_each)
    parameters, state = exported.build(np.arange(p.size), release_key=1, p=p, q=np.full(p.size, 1e-3))
    by_source = jax.tree.map(lambda x: x.reshape(shape) if x.shape == p.shape else x, parameters)
    state = jax.tree.map(lambda x: x.reshape(shape), state)

    def step(carry, now):
        state, v, key = carry
        key, drawn = jax.random.split(key)
        is_spike = jax.random.bernoulli(drawn, task["rate"] * STEP, (n_sources,))
        (source,) = jnp.nonzero(is_spike, size=MOST_SPIKES, fill_value=n_sources)
        own = jax.tree.map(lambda x: x[source] if x.shape == shape else x, by_source)
        part = jax.tree.map(lambda x: x[source], state)
        arrived = jnp.broadcast_to(source[:, None] < n_sources, (MOST_SPIKES, n_each))
        after, amount = exported.on_pre(own, part, STEP * now, arrived)
        state = jax.tree.map(lambda whole, part: whole.at[source].set(part, mode="drop"), state, after)
        v = (v * np.exp(-STEP / 0.02)).at[jnp.asarray(post)[source]].add(amount)
        return (state, v, key), None

    many_steps = jax.jit(lambda carry: jax.lax.scan(step, carry, jnp.arange(N_STEPS_AT_ONCE))[0])
    carry = jax.block_until_ready(many_steps((state, jnp.zeros(task["n_targets"]), jax.random.key(1))))
    start = time.process_time()
    for _ in range(round(task["duration"] / STEP / N_STEPS_AT_ONCE)):
        carry = many_steps(carry)
    jax.block_until_ready(carry)
    return time.process_time() - start


print(seconds(json.load(sys.stdin)))
