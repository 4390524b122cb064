"""Amplitudes are read off traces without bias, and noise as they are."""

import numpy as np
import pytest
import quantities as pq

from biophys import measured_responses

RATE = 10 * pq.kHz
TIME = np.arange(0, 200, 0.1)
WINDOW = (1 * pq.ms, 12 * pq.ms)


def response(t, latency=2.0, rise=1.5):
    after = np.maximum(t - latency, 0.0) / rise
    return after * np.exp(1.0 - after)


def sweeps(counts, q=-10.0, noise=2.0, offset=30.0, seed=1):
    """Traces with responses of `counts` (sweeps, stimuli) vesicles at 100 ms and every 20 ms later."""
    rng = np.random.default_rng(seed)
    x = rng.normal(offset, noise, (len(counts), TIME.size))
    for i in range(counts.shape[1]):
        x += q * counts[:, i : i + 1] * response(TIME - 100.0 - 20.0 * i)
    return x * pq.pA


def test_amplitudes_are_unbiased_and_their_noise_is_that_of_the_baseline():
    counts = np.random.default_rng(2).binomial(3, 0.3, (400, 2))
    measured = measured_responses(sweeps(counts), [100, 120] * pq.ms, window=WINDOW, sampling_rate=RATE)
    error = np.stack([a.magnitude for a in measured.amplitudes]) + 10.0 * counts
    first = error[:, 0]
    # 10 samples around the peak and 50 of the baseline; the response is 1 to 5 % below its peak there.
    sd = 2.0 * np.sqrt(1 / 10 + 1 / 50)
    assert measured.noise.size == 4000
    assert float(measured.noise.std()) == pytest.approx(sd, rel=5 / np.sqrt(2 * measured.noise.size))
    failures = first[counts[:, 0] == 0]
    assert abs(failures.mean()) < 5 * sd / np.sqrt(failures.size)
    assert abs(float(measured.latency) - 3.5) <= 0.3
    released = first[counts[:, 0] > 0] / counts[counts[:, 0] > 0, 0]
    assert 0.0 < released.mean() < 0.5


def test_every_form_of_traces_gives_the_same():
    counts = np.random.default_rng(3).binomial(3, 0.5, (20, 1))
    x = sweeps(counts)
    whole = measured_responses(x, [100] * pq.ms, window=WINDOW, sampling_rate=RATE)
    as_list = measured_responses(list(x), [[0.1] * pq.s] * 20, window=WINDOW, sampling_rate=0.01 * pq.MHz)
    amplitudes = [float(a[0]) for a in whole.amplitudes]
    assert amplitudes == pytest.approx([float(a[0]) for a in as_list.amplitudes])
    neo = pytest.importorskip("neo")
    signals = [neo.AnalogSignal(row.rescale("nA"), sampling_rate=RATE, t_start=5 * pq.s) for row in x]
    of_neo = measured_responses(signals, [100] * pq.ms, window=WINDOW)
    assert amplitudes == pytest.approx([float(a[0].rescale("pA")) for a in of_neo.amplitudes])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sampling_rate": None}, TypeError, "one sampling_rate"),
        ({"stimuli": [1, 2]}, TypeError, "stimuli must carry a unit"),
        ({"stimuli": [120, 100] * pq.ms}, ValueError, "stimuli must rise"),
        ({"stimuli": [199] * pq.ms}, ValueError, "stimulus at 199 ms of sweep 0.* outside the traces, 200"),
        ({"stimuli": [2] * pq.ms}, ValueError, "with a baseline of 5 ms"),
        ({"stimuli": [[100] * pq.ms]}, ValueError, "1 trains but there are 3 sweeps"),
        ({"stimuli": [100, 105] * pq.ms}, ValueError, "window ends 12 ms .*next comes 5 ms"),
        ({"window": (2 * pq.ms, 2.5 * pq.ms)}, ValueError, "window must be longer than average"),
        ({"window": (2 * pq.mV, 5 * pq.mV)}, ValueError, "window must have the dimension"),
        ({"average": 0 * pq.ms}, ValueError, "average must be"),
        ({"traces": np.zeros((3, 2000))}, TypeError, "traces must carry a unit"),
        (
            {"traces": np.full((3, 2000), np.nan) * pq.pA},
            ValueError,
            "traces must be .* leave out the sweeps",
        ),
    ],
)
def test_what_does_not_fit_is_named(arguments, error, message):
    options = {
        "traces": sweeps(np.ones((3, 1))),
        "stimuli": [100] * pq.ms,
        "window": WINDOW,
        "sampling_rate": RATE,
    }
    with pytest.raises(error, match=message):
        measured_responses(**(options | arguments))
