"""`brianpresyn fit` reads files of traces (abf, nwb) with the units they state."""

import json
import struct
import sys

import numpy as np
import pytest

from biophys import ReleaseFit
from biophys.recordings.tables import TableError
from biophys.recordings.trace_files import TRACE_SUFFIXES, read_traces
from validation.cli import exit_code_of

RATE = 10_000.0
TIME = np.arange(2000) / RATE * 1e3
RNG = np.random.default_rng(4)
COUNTS = RNG.binomial(3, 0.5, 80)
AFTER = np.maximum(TIME - 102.0, 0.0) / 1.5
CURRENT = -12.0 * COUNTS[:, None] * AFTER * np.exp(1.0 - AFTER) + RNG.normal(-50.0, 2.0, (80, 2000))
PULSE = np.where((TIME >= 100.0) & (TIME < 101.0), 5.0, 0.0) * np.ones((80, 1))
FIT = ("--window", "1ms:12ms", "--noise", "baseline", "--json", "out.json")


def write_abf(path):
    """Write an Axon binary file of version 1 with two channels: the fields that describe traces, no more."""
    sweeps, samples = CURRENT.shape
    header = bytearray(6144)
    fields = [
        (0, "4s", b"ABF "), (4, "f", 1.83), (8, "h", 5), (10, "i", 2 * sweeps * samples), (16, "i", sweeps),
        (40, "i", 12), (92, "i", 12 + (4 * sweeps * samples) // 512 + 1), (96, "i", sweeps), (120, "h", 2),
        (122, "f", 1e6 / RATE / 2), (138, "i", 2 * samples), (244, "f", 10.0), (252, "i", 32768),
    ]  # fmt: skip
    for channel, (name, unit, scale) in enumerate([(b"IN 0", b"pA", 0.01), (b"TTL", b"V", 1.0)]):
        fields += [
            (378 + 2 * channel, "h", channel), (410 + 2 * channel, "h", channel),
            (442 + 10 * channel, "10s", name.ljust(10)), (602 + 8 * channel, "8s", unit.ljust(8)),
            (730 + 4 * channel, "f", 1.0), (922 + 4 * channel, "f", scale), (1050 + 4 * channel, "f", 1.0),
        ]  # fmt: skip
    fields += [(410 + 2 * channel, "h", -1) for channel in range(2, 16)]
    for offset, code, value in fields:
        struct.pack_into("<" + code, header, offset, value)
    volts = np.stack([CURRENT * 0.01, PULSE], axis=-1)
    data = np.rint(volts / 10.0 * 32768).astype("<i2").tobytes()
    synch = np.array([(i * 2 * samples, 2 * samples) for i in range(sweeps)], "<i4").tobytes()
    padding = b"\0" * (512 * ((4 * sweeps * samples) // 512 + 1) - len(data))
    path.write_bytes(bytes(header) + data + padding + synch)


def write_nwb(path):
    """Write the groups of the NWB 2 schema that hold sweeps of intracellular recordings."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        electrode = file.create_group("general/intracellular_ephys/electrode 1")
        for folder, values, unit, scale in (
            ("acquisition", CURRENT, "amperes", 1e-12),
            ("stimulus/presentation", PULSE, "volts", 1.0),
        ):
            for number in np.random.default_rng(1).permutation(len(values)):
                series = file.create_group(f"{folder}/{unit}_{number}")
                series.attrs["sweep_number"] = number
                series["electrode"] = h5py.SoftLink(electrode.name)
                data = series.create_dataset("data", data=np.rint(values[number] * 1e3).astype("i4"))
                data.attrs.update({"unit": unit, "conversion": scale * 1e-3})
                series.create_dataset("starting_time", data=float(number)).attrs["rate"] = RATE


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    write_nwb(folder / "cell.nwb")
    write_abf(folder / "cell.abf")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    code = exit_code_of(["fit", *arguments])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


@pytest.mark.parametrize(("suffix", "how"), [(".abf", "times"), (".nwb", "channel")])
def test_a_file_of_traces_is_fitted_in_its_units(recorded, folder, capsys, suffix, how):
    pytest.importorskip("neo" if suffix == ".abf" else "h5py")
    path = str(recorded / f"cell{suffix}")
    channels = read_traces(path).channels
    responses, pulses = channels
    np.testing.assert_allclose(channels[responses].sweeps[7].magnitude, CURRENT[7], atol=0.04)
    assert channels[responses].unit_text == "pA" and len(channels[pulses].sweeps) == 80
    stimuli = "100ms" if how == "times" else pulses
    code, text = run(capsys, path, "--stimuli", stimuli, "--channel", responses, *FIT)
    assert code == 0, text
    fit = ReleaseFit.from_dict(json.loads((folder / "out.json").read_text())[""])
    # Averaged over 1 ms around the peak a response is some percent smaller than there.
    assert fit.q.unit == "pA" and -12.2 < fit.q.value < -11.2 and fit.n_responses == 80
    assert fit.n.value == 3 and fit.p.value == pytest.approx(COUNTS.mean() / 3, abs=1e-3)


def test_trains_keep_the_intervals_of_their_stimuli(recorded, capsys):
    arguments = ("--stimuli", "100ms,120ms,0.15s", "--channel", "1", "--window", "1ms:12ms")
    path = str(recorded / "cell.nwb")
    code, text = run(capsys, path, *arguments, "--dynamics", "depletion", "--n", "3")
    assert code == 0 and "240 responses, trains with depletion" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (),
            "cell.nwb holds traces (electrode 1 (amperes), stimulus electrode 1 (volts)): say with --stimuli",
        ),
        (("--stimuli", "100ms", "--window", "1ms:12ms"), "name one with --channel"),
        (("--stimuli", "100ms", "--window", "1ms:12ms", "--channel", "IN 9"), "there is no 'IN 9'"),
        (("--stimuli", "soon", "--window", "1ms:12ms", "--channel", "1"), "or one of the channels"),
        (("--stimuli", "100mV", "--window", "1ms:12ms", "--channel", "1"), "--stimuli must be times"),
        (("--stimuli", "100ms", "--window", "12ms", "--channel", "1"), "--window must be two times"),
        (("--stimuli", "100ms", "--window", "1ms:12pA", "--channel", "1"), "--window must be a time"),
        (
            ("--stimuli", "5s", "--window", "1ms:12ms", "--channel", "1"),
            "lies outside the traces, 200 ms long",
        ),
    ],
)
def test_what_is_missing_is_named(recorded, capsys, arguments, message):
    code, text = run(capsys, str(recorded / "cell.nwb"), *arguments)
    assert code == 2 and message in text, text


def _damaged(path, damage):
    """Write five sweeps of int16 with a gain, each damaged."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for number in (10, 2, 1, 3, 4):
            series = file.create_group(f"acquisition/sweep_{number}")
            samples = np.full(20, number, "i2") * np.ones(20, "i2")
            series.create_dataset("data", data=samples).attrs.update({"unit": "amperes", "conversion": 1e-12})
            series.create_dataset("starting_time", data=0.0).attrs["rate"] = RATE
            series["electrode"] = h5py.SoftLink(file.require_group("general/e").name)
        for number in (10, 2, 1, 3, 4):
            damage(file, file[f"acquisition/sweep_{number}"])


def _renamed(file, series):
    file.move(series.name, "processing/" + series.name.rsplit("/", 1)[-1])


def _emptied(file, series):
    attributes = dict(series["data"].attrs)
    del series["data"]
    series.create_dataset("data", data=np.zeros(0, "i2")).attrs.update(attributes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_renamed, "acquisition and stimulus/presentation; this file has /processing/sweep_1"),
        (_emptied, "sweep_1 must hold samples, or .samples, channels., got shape .0,."),
        (lambda _, series: series.pop("starting_time"), "states neither starting_time nor timestamps"),
        (lambda _, series: series["starting_time"].attrs.pop("rate"), "sweep_1: .* no rate above 0, but nan"),
        (lambda _, series: series["starting_time"].attrs.update(rate=0.0), "no rate above 0, but 0"),
    ],
)
def test_damaged_groups_are_named(folder, damage, message):
    _damaged(folder / "d.nwb", damage)
    with pytest.raises(TableError, match=f"d.nwb: .*{message}"):
        read_traces("d.nwb")


def test_gains_of_channels_count_sweeps_are_in_order_and_other_series_do_not_matter(folder):
    def damage(file, series):
        series["channel_conversion"] = [2.0]
        notes = file.require_group("acquisition/notes")
        if "data" not in notes:
            notes["data"], notes["timestamps"] = [b"drug on"], [1.0]

    _damaged(folder / "g.nwb", damage)
    (channel,) = read_traces("g.nwb").channels.values()
    np.testing.assert_allclose([sweep.magnitude[0] for sweep in channel.sweeps], [2, 4, 6, 8, 20])


@pytest.mark.parametrize("unit", [None, "unknown", "Amps"])
def test_a_unit_that_no_one_knows_is_named_where_it_matters(folder, capsys, unit):
    def damage(_, series):
        series["data"].attrs.pop("unit") if unit is None else series["data"].attrs.update(unit=unit)

    _damaged(folder / "u.nwb", damage)
    code, text = run(capsys, "u.nwb", "--stimuli", "1ms", "--window", "0ms:0.5ms", "--baseline", "1ms")
    assert ("none of a response" in text) == (unit != "Amps"), text
    assert code != 0  # five sweeps of 2 ms


@pytest.mark.parametrize(("suffix", "package"), [(".abf", "neo"), (".nwb", "h5py"), (".wcp", "neo")])
def test_without_the_package_the_extra_is_named(folder, capsys, monkeypatch, suffix, package):
    (folder / f"cell{suffix}").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, package, None)
    code, text = run(capsys, f"cell{suffix}", *FIT[:2], "--stimuli", "1ms")
    assert code == 2 and f"needs {package}: pip install 'brianpresyn[recordings]'" in text


@pytest.mark.parametrize("suffix", TRACE_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"amplitude (pA)\n1\n2\n", b"ABF2" + bytes(600), bytes(9000)])
def test_a_file_that_is_something_else_is_no_recording(folder, suffix, content):
    pytest.importorskip("neo")
    pytest.importorskip("h5py")
    (folder / f"cell{suffix}").write_bytes(content)
    with pytest.raises(TableError, match=f"cell{suffix}: "):
        read_traces(f"cell{suffix}")


def test_options_of_traces_are_refused_for_tables(folder, capsys):
    (folder / "my.csv").write_text("amplitude (pA)\n1\n2\n3\n")
    code, text = run(capsys, "my.csv", "--window", "1ms:2ms")
    assert code == 2 and "--window is of files of traces" in text


def test_sweeps_end_where_they_were_stopped_and_those_of_another_rate_are_apart(folder):
    def damage(file, series):
        number = int(series.name.rsplit("_", 1)[-1])
        if number == 10:
            series["starting_time"].attrs["rate"] = 2 * RATE
        values = np.where(np.arange(20) < 20 - number, 1.0 * number, np.nan)
        del series["data"]
        series.create_dataset("data", data=values).attrs.update({"unit": "amperes", "conversion": 1e-12})

    _damaged(folder / "s.nwb", damage)
    channels = read_traces("s.nwb").channels
    assert list(channels) == ["e (amperes)", "e (amperes) at 20 kHz"]
    slow, fast = channels.values()
    assert [sweep.size for sweep in slow.sweeps] == [19, 18, 17, 16]
    assert [sweep.size for sweep in fast.sweeps] == [10] and float(fast.rate) == 2 * RATE


@pytest.mark.parametrize("suffix", [".mat", ".ibw", ".dat", ".nix", ".smrx"])
def test_traces_of_other_programs_ask_for_an_export(folder, capsys, suffix):
    (folder / f"cell{suffix}").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(range(256)))
    code, text = run(capsys, f"cell{suffix}")
    assert code == 2 and "or export traces as abf or nwb (measured_responses takes others)" in text
    code, text = run(capsys, f"cell{suffix}", "--stimuli", "100ms")
    assert code == 2 and "--stimuli is of files of traces (.abf .axgd" in text and "export others" in text
