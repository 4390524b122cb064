"""Agreement between the models, the papers' claims and recordings; the command line.

The names below are imported when they are first used: the command line starts without them.
"""

from typing import TYPE_CHECKING

from biophys.import_names import lazy_names

if TYPE_CHECKING:
    from biophys.recordings.tables import read_table, recorded_synapses
    from validation.archive import archived_run
    from validation.claims_file import merge_claims, read_claims
    from validation.context import Context
    from validation.data.allen_synapses import read_allen_synapses
    from validation.data.datastore import fetch, locate
    from validation.data.recordings import read_gontier2023, read_ko2013, read_sjostrom2001
    from validation.evaluation import measure_claims
    from validation.registry import all_claims, claims_named
    from validation.report import write_report
    from validation.runs import configuration, run_experiment

__getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Context",
    "all_claims",
    "archived_run",
    "claims_named",
    "configuration",
    "fetch",
    "locate",
    "measure_claims",
    "merge_claims",
    "read_allen_synapses",
    "read_claims",
    "read_gontier2023",
    "read_ko2013",
    "read_sjostrom2001",
    "read_table",
    "recorded_synapses",
    "run_experiment",
    "write_report",
]
