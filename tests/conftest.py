"""The option ``--seed-offset``: the same tests on other random numbers, to count false alarms."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# No test depends on how fast the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_offset = {"value": 0}
_drawn = {"count": 0}


def pytest_addoption(parser):
    parser.addoption(
        "--seed-offset",
        type=int,
        default=0,
        help="seed every generator with something else (0: as the tests say); see tests/false_alarms.py",
    )


def pytest_configure(config):
    is_shifted = _offset["value"] != 0
    _offset["value"] = config.getoption("--seed-offset")
    if _offset["value"] and not is_shifted:
        _shift_numpy()
        _shift_brian()
        _shift_torch()


def _shift_numpy():
    from_sequence, make_generator, seed_global = np.random.SeedSequence, np.random.default_rng, np.random.seed

    class Shifted(from_sequence):
        def __init__(self, entropy=None, **options):
            _drawn["count"] += 1
            spawn_key = (*options.get("spawn_key", ()), _offset["value"])
            super().__init__(entropy, **{**options, "spawn_key": spawn_key})

    def default_rng(seed=None):
        _drawn["count"] += 1
        is_plain = isinstance(seed, int | np.integer | list | tuple)
        return make_generator(from_sequence(seed, spawn_key=(_offset["value"],)) if is_plain else seed)

    def seed(value=None):
        _drawn["count"] += 1
        seed_global(None if value is None else (value + 7919 * _offset["value"]) % 2**32)

    np.random.SeedSequence, np.random.default_rng, np.random.seed = Shifted, default_rng, seed


def _shift_brian():
    import brian2.devices.device

    original = brian2.devices.device.RuntimeDevice.seed

    def seed(self, seed=None):
        _drawn["count"] += 1
        original(self, None if seed is None else seed + 7919 * _offset["value"])

    brian2.devices.device.RuntimeDevice.seed = seed


def _shift_torch():
    try:
        import torch
    except ImportError:
        return
    original, original_global = torch.Generator.manual_seed, torch.manual_seed

    class Shifted(torch.Generator):
        def manual_seed(self, seed):
            _drawn["count"] += 1
            original(self, (int(seed) + 7919 * _offset["value"]) % 2**63)
            return self

    def manual_seed(seed):
        _drawn["count"] += 1
        return original_global((int(seed) + 7919 * _offset["value"]) % 2**63)

    torch.Generator, torch.manual_seed = Shifted, manual_seed


@pytest.fixture(autouse=True)
def _note_draws(request):
    """Note in the report of a test that it made generators: the statistical ones are among those that do."""
    before = _drawn["count"]
    yield
    if _drawn["count"] > before:
        request.node.user_properties.append(("draws", "yes"))
