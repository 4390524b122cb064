"""Agreement between the models, the papers' claims and recordings; the command line.

The names below are imported when they are first used: the command line starts without them.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "archive": ("archived_run",),
    "claims_file": ("merge_claims", "read_claims"),
    "context": ("Context",),
    "data.allen_synapses": ("read_allen_synapses",),
    "data.datastore": ("fetch", "locate"),
    "data.recordings": ("read_ko2013", "read_sjostrom2001"),
    "evaluation": ("measure_claims",),
    "recorded_tables": ("read_table", "recorded_synapses"),
    "registry": ("all_claims", "claims_named"),
    "report": ("write_report",),
    "runs": ("configuration", "run_experiment"),
}
__all__ = sorted(name for names in _NAMES.values() for name in names)


def __getattr__(name: str) -> Any:
    for module, names in _NAMES.items():
        if name in names:
            return getattr(import_module(f"validation.{module}"), name)
    raise AttributeError(f"module 'validation' has no attribute {name!r}")
