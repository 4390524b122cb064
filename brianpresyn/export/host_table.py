"""What hosts have for a draw: their integers, their numbers for p, what a synapse stores, and their files."""

from __future__ import annotations

from dataclasses import dataclass

_C_DRAWS = frozenset(
    {"uniform_draw", "bernoulli_draw", "binomial_draw", "shared_binomial_draw", "normal_draw", "gamma_draw"}
) | {"site_sum_draw", "bounded", "reaches"}


@dataclass(frozen=True)
class Host:
    """A simulator that releases as Brian2 does.

    Parameters
    ----------
    title
        What it is called.
    integers, probability
        In what the draw is computed, and in what p is kept.
    storage
        What a synapse holds for its draw beside n, p and the weight.
    draws
        Functions of random numbers, and what goes with them, that an export can use.
    files
        Endings of what is exported, by template.
    is_regular
        Whether its synapses can act at regular times, as spontaneous release does.
    """

    title: str
    integers: str
    probability: str
    storage: str
    draws: frozenset[str]
    files: dict[str, str]
    is_regular: bool = False


_SIMPLE = frozenset({"bernoulli_draw", "binomial_draw"})

HOSTS = {
    "nest": Host(
        "NEST",
        "uint64 (C++)",
        "double",
        "number and event counter, 8 bytes each",
        _C_DRAWS,
        {"nest.cpp": "{name}module.cpp", "build_nest.py": "build_{name}module.py"},
    ),
    "neuron": Host(
        "NEURON",
        "uint64 (C++ in VERBATIM)",
        "double",
        "two halves of the number and the event counter, a double each",
        _C_DRAWS,
        {"neuron.mod": "{name}.mod"},
    ),
    "cuda": Host(
        "CUDA",
        "uint64 (C++)",
        "double",
        "number and event counter, 8 bytes each",
        # The table of a draw with one n and p for all is made by the first thread that needs it.
        _C_DRAWS - {"shared_binomial_draw"},
        {"cuda.cuh": "{name}.cuh"},
    ),
    "jax": Host(
        "JAX",
        "pairs of uint32",
        "its digits as three integers",
        "number (8 bytes) and event counter (4)",
        _SIMPLE | {"shared_binomial_draw", "uniform_draw"},
        {"jax.py": "{name}.py"},
        is_regular=True,
    ),
    "pynn": Host(
        "PyNN's Brian2 backend",
        "uint64 (Brian2's target)",
        "double",
        "two halves of the number and of the key, a double each, and the event counter",
        _C_DRAWS,
        {"pynn.py": "{name}.py"},
    ),
}
"""The hosts by the name that ``code.export`` takes."""
