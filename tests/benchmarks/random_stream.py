"""The random bits of releases as bytes, for batteries of tests that read them from a pipe.

Run ``python -m tests.benchmarks.random_stream synapses | RNG_test stdin64`` (PractRand), or with
``dieharder -g 200 -a``; ``--half low`` or ``high`` writes 32 of each 64 bits, as TestU01 takes them.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from brianpresyn.counter_random import random_bits, release_key

_CHUNK = 1 << 15
_KEY = release_key(2021, "release")

Numbers = NDArray[np.int64]
STREAMS: dict[str, Callable[[Numbers], NDArray[np.uint64]]] = {
    # One synapse, event after event, and one event, synapse after synapse.
    "events": lambda k: random_bits(_KEY, k + 1, 12),
    "synapses": lambda k: random_bits(_KEY, 1, k),
    # As a network of a thousand synapses reads them, and as each of them does for a thousand events.
    "network": lambda k: random_bits(_KEY, k // 1000 + 1, k % 1000),
    "histories": lambda k: random_bits(_KEY, k % 1000 + 1, k // 1000),
    # The same event of the same synapse under keys, and the words of one event, that follow each other.
    "keys": lambda k: random_bits(k, 1, 0),
    "words": lambda k: random_bits(_KEY, 1, k // 8, k % 8),
}
"""The number k of a stream, by its name; events and words have 32 bits."""


def main() -> None:
    """Write until the reader has had enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stream", choices=STREAMS)
    parser.add_argument("--half", choices=("low", "high"), help="of each 64 bits; by default both")
    chosen = parser.parse_args()
    for start in itertools.count(step=_CHUNK):
        bits = STREAMS[chosen.stream](np.arange(start, start + _CHUNK)).astype("<u8")
        if chosen.half:
            bits = bits.view("<u4")[chosen.half == "high" :: 2]
        try:
            sys.stdout.buffer.write(bits.tobytes())
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
