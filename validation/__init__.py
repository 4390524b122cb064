"""Agreement between the models, the papers' claims and recordings; the command line.

The names below are imported when they are first used: the command line starts without them.
"""

from typing import TYPE_CHECKING

from biophys.import_names import lazy_names

if TYPE_CHECKING:
    from biophys.recordings.tables import read_table as read_table
    from biophys.recordings.tables import recorded_synapses as recorded_synapses
    from validation.archive import archived_run as archived_run
    from validation.claims_file import merge_claims as merge_claims
    from validation.claims_file import read_claims as read_claims
    from validation.context import Context as Context
    from validation.data.allen_synapses import read_allen_synapses as read_allen_synapses
    from validation.data.datastore import fetch as fetch
    from validation.data.datastore import locate as locate
    from validation.data.recordings import read_gontier2023 as read_gontier2023
    from validation.data.recordings import read_ko2013 as read_ko2013
    from validation.data.recordings import read_sjostrom2001 as read_sjostrom2001
    from validation.evaluation import measure_claims as measure_claims
    from validation.registry import all_claims as all_claims
    from validation.registry import claims_named as claims_named
    from validation.report import write_report as write_report
    from validation.runs import configuration as configuration
    from validation.runs import run_experiment as run_experiment

__getattr__, __dir__, __all__ = lazy_names(__name__)
