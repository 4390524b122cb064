"""Beside S18 and M08: how release probability and the change that the spiking rule predicts go together."""

import numpy as np
import xarray as xr

from biophys.recordings.recorded_connections import PlasticityRecordings
from brianpresyn.experiments import stdp_recordings as stdp
from validation.claims.malkin2023.optimal_variance import M08, SMALLER
from validation.claims.schug2021.important_synapses import S18, TEST
from validation.registry import Findings
from validation.statement import Rendering, row


def predicted_correlations(
    recordings: PlasticityRecordings, result: xr.Dataset, reading: str, rng: np.random.Generator
) -> Findings:
    """Yield the correlation of p before with the predicted relative change of p q (S18, M08)."""
    is_potentiated, as_in_file = recordings.induction == "LTP", reading == stdp.AS_IN_FILE
    quantity = "correlation of p before with the size of the predicted relative change of p q"
    for clause, claim, chosen, connections in (
        (TEST, S18, np.ones_like(is_potentiated, dtype=bool), "LTP and LTD"),
        (SMALLER, M08, is_potentiated, "LTP"),
    ):
        r = stdp.release_and_predicted_change(recordings, result, chosen, rng)
        condition = {"connections": connections, "timing": reading}
        subject = clause if as_in_file else claim
        yield row(subject, r, quantity, rendering=Rendering.SPIKING, condition=condition)
