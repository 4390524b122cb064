"""Readers of the recordings: synthetic files of the published form, and the published files themselves."""

from dataclasses import replace

import numpy as np
import pytest
import quantities as pq

from biophys.recordings.recorded_connections import EpspRecordings, PlasticityRecordings
from biophys.recordings.serial_dependence import serial_dependence
from validation.data.datastore import DataSetMissing, data_set_named, locate
from validation.data.recordings import read_gontier2023, read_ko2013, read_sjostrom2001

# (recording, frequency, timing, p before, p after, q before, q after)
LTP = [
    ("EPSP_May_1_4_to_3", 0.1, 10, 0.32, 0.5, 0.2, 0.18),
    ("EPSP_May_2_1_to_2", 50, -10, 0.6, 0.75, 0.31, 0.4),
    ("EPSP_May_3_2_to_5", 20, -10, 0.072, 0.1, 0.45, 0.5),
]
LTD = [
    ("EPSP_May_1_4_to_3", 0.1, -10, 0.48, 0.34, 0.11, 0.115),
    ("EPSP_May_4_1_to_2", 10, -10, 0.81, 0.76, 0.31, 0.3),
]


def derived(p_before, p_after, q_before, q_after):
    """Return the derived columns as the published files hold them."""
    w_before, w_after = p_before * q_before, p_after * q_after
    return {
        "w (before)": w_before,
        "w (after)": w_after,
        "dp": p_after - p_before,
        "dp_rel": p_after / p_before - 1,
        "dq": q_after - q_before,
        "dq_rel": q_after / q_before - 1,
        "dw_abs": abs(w_after - w_before),
        "dw_rel": abs(w_after / w_before - 1),
    }


def plasticity_table(rows, is_ltd: bool, **overwritten) -> str:
    measured = 'Recording,Pairing freq.,Timing,Pr (before),Pr (after),"q (mV, before)","q (mV, after)"'
    names = ["dp", "dp_rel", "dq", "dq_rel", "w (before)", "w (after)", "dw_abs", "dw_rel"]
    if is_ltd:
        names = names[4:6] + names[:4] + names[6:]
    lines = [",".join([measured, *names, *(["w (before)", "w (after)"] if is_ltd else [])])]
    for recording, *numbers in rows:
        values = {**derived(*numbers[2:]), **overwritten}
        cells = [f"    '{recording}'", *map(repr, numbers), *(f"{values[name]:.9f}" for name in names)]
        if is_ltd:
            cells += [f"{values['dw_abs'] * values['dq']:.9g}", f"{values['dw_rel'] * values['dq_rel']:.9g}"]
        lines.append(",".join(cells))
    return "\ufeff" + "\r\n".join(lines) + "\r\n"


KO = """"mean", "var", "foopsi_mean", "foopsi_threshold",
0.30, 0.23, 0.0027, 0.087
1.5,0.05,0.0036,0.097
0.4,0.3,0.0036,0.097
"""


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "Sjostrom2001_LTP_schug.csv", plasticity_table(LTP, is_ltd=False))
    write(tmp_path, "Sjostrom2001_LTD_schug.csv", plasticity_table(LTD, is_ltd=True))
    write(tmp_path, "ko2013", KO)
    return tmp_path


def write(folder, name: str, text: str) -> None:
    (folder / name).write_bytes(text.encode("utf-8"))


def changed(folder, name: str, old: str, new: str) -> None:
    text = (folder / name).read_bytes().decode("utf-8")
    assert old in text
    write(folder, name, text.replace(old, new, 1))


class TestSjostrom:
    def test_values_come_back_with_their_units_in_the_order_ltp_ltd(self, folder):
        recordings = read_sjostrom2001(folder)
        assert list(recordings.induction) == ["LTP"] * 3 + ["LTD"] * 2
        assert list(recordings.recording) == [row[0] for row in LTP + LTD]
        for position, name, unit in [(1, "frequency", pq.Hz), (2, "timing", pq.ms)]:
            assert getattr(recordings, name).dimensionality == unit.dimensionality
            assert list(getattr(recordings, name).magnitude) == [row[position] for row in LTP + LTD]
        assert list(recordings.p_before) == [row[3] for row in LTP + LTD]
        assert list(recordings.p_after) == [row[4] for row in LTP + LTD]
        assert list(recordings.q_before.rescale(pq.uV).magnitude) == pytest.approx(
            [1000 * row[5] for row in LTP + LTD]
        )
        assert list(recordings.q_after.rescale(pq.mV).magnitude) == [row[6] for row in LTP + LTD]

    def test_strength_is_p_times_q_and_its_change_keeps_its_sign(self, folder):
        recordings = read_sjostrom2001(folder)
        assert recordings.w_before[0] == 0.32 * 0.2 * pq.mV
        assert recordings.relative_change[0] == pytest.approx(0.5 * 0.18 / (0.32 * 0.2) - 1)
        assert np.all(recordings.induced("LTD").relative_change < 0)
        assert np.all(recordings.induced("LTP").relative_change > 0)

    def test_one_induction_keeps_every_column_of_its_rows(self, folder):
        ltd = read_sjostrom2001(folder).induced("LTD")
        assert len(ltd) == 2
        assert list(ltd.recording) == [row[0] for row in LTD]
        assert ltd.q_after.dimensionality == pq.mV.dimensionality
        assert list(ltd.q_after.magnitude) == [row[6] for row in LTD]

    @pytest.mark.parametrize("name", ["dp", "dp_rel", "dq", "dq_rel", "w (before)", "w (after)", "dw_rel"])
    def test_a_derived_column_that_disagrees_is_named_with_its_row(self, folder, name):
        write(folder, "Sjostrom2001_LTP_schug.csv", plasticity_table(LTP, False, **{name: 0.123}))
        with pytest.raises(ValueError, match=r"data row 1: .* is 0\.123, but p and q give") as caught:
            read_sjostrom2001(folder)
        assert f": {name} is" in str(caught.value)

    def test_the_change_of_strength_after_depression_must_be_a_magnitude(self, folder):
        change = abs(LTD[0][4] * LTD[0][6] - LTD[0][3] * LTD[0][5])
        changed(folder, "Sjostrom2001_LTD_schug.csv", f",{change:.9f},", f",{-change:.9f},")
        with pytest.raises(ValueError, match=r"dw_abs is -0\.0"):
            read_sjostrom2001(folder)

    def test_a_missing_column_lists_those_there_are(self, folder):
        changed(folder, "Sjostrom2001_LTP_schug.csv", "Pr (after)", "Pr")
        with pytest.raises(ValueError, match=r"lacks the column 'Pr \(after\)': it has Recording, Pairing"):
            read_sjostrom2001(folder)

    @pytest.mark.parametrize("field", ["", "nan", "inf", "n/a"])
    def test_a_field_that_is_no_number_is_named_with_its_row(self, folder, field):
        changed(folder, "Sjostrom2001_LTP_schug.csv", "50,-10,0.6,", f"50,-10,{field},")
        with pytest.raises(ValueError, match=r"data row 2: Pr \(before\) must be a finite number, got"):
            read_sjostrom2001(folder)

    def test_a_row_that_ends_early_is_an_error(self, folder):
        text = (folder / "Sjostrom2001_LTP_schug.csv").read_bytes().decode()
        write(folder, "Sjostrom2001_LTP_schug.csv", text.rstrip().rsplit(",", 1)[0])
        with pytest.raises(ValueError, match="data row 3: dw_rel must be a finite number, got ''"):
            read_sjostrom2001(folder)

    @pytest.mark.parametrize("text", ["", "\ufeff", "mean,var\n"])
    def test_a_file_without_rows_is_an_error(self, folder, text):
        write(folder, "Sjostrom2001_LTD_schug.csv", text)
        with pytest.raises(ValueError, match="a header and at least one row"):
            read_sjostrom2001(folder)

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            (
                "p_before",
                np.array([0.5, 1.2, 0.5]),
                "p_before must be .* at most 1, got 1.2 at index 1",
            ),
            ("p_after", np.array([0.5, 0.0, 0.5]), "p_after must be finite and above 0, got 0 at index 1"),
            (
                "q_before",
                [0.1, 0.1, -0.1] * pq.mV,
                "q_before must be .* above 0, got -0.1 at index 2",
            ),
            ("frequency", [0.0, 1.0, 1.0] * pq.Hz, "frequency must be .* above 0, got 0 at index 0"),
            ("timing", [0.0, np.nan, 1.0] * pq.ms, "timing must be finite, got nan at index 1"),
            ("p_before", np.array([0.5, 0.5]), r"every field must have one shape \(n,\)"),
            ("induction", np.array(["LTP", "LTP", "LTX"]), "induction must be one of LTP, LTD, got 'LTX'"),
        ],
    )
    def test_values_out_of_range_are_refused(self, folder, field, value, message):
        with pytest.raises(ValueError, match=message):
            replace(read_sjostrom2001(folder).induced("LTP"), **{field: value})

    @pytest.mark.parametrize("value", [np.array([0.1, 0.1, 0.1]), [1.0, 1.0, 1.0] * pq.s])
    def test_a_quantal_amplitude_needs_a_unit_of_voltage(self, folder, value):
        with pytest.raises((TypeError, ValueError), match="q_before"):
            replace(read_sjostrom2001(folder).induced("LTP"), q_before=value)


class TestKo:
    def test_values_come_back_with_their_units(self, folder):
        recordings = read_ko2013(folder)
        assert list(recordings.mean.rescale(pq.mV).magnitude) == [0.3, 1.5, 0.4]
        assert list(recordings.variance.rescale(pq.uV**2).magnitude) == pytest.approx([230e3, 50e3, 300e3])
        assert list(recordings.rate_mean) == [0.0027, 0.0036, 0.0036]
        assert list(recordings.rate_threshold) == [0.087, 0.097, 0.097]

    def test_connections_with_equal_rates_share_a_cell(self, folder):
        recordings = read_ko2013(folder)
        assert recordings.n_cells == 2
        assert recordings.cell[1] == recordings.cell[2] != recordings.cell[0]

    def test_one_equal_rate_does_not_make_a_shared_cell(self, folder):
        changed(folder, "ko2013", "0.4,0.3,0.0036,0.097", "0.4,0.3,0.0036,0.098")
        assert read_ko2013(folder).n_cells == 3

    def test_a_variance_of_zero_is_refused(self, folder):
        changed(folder, "ko2013", "1.5,0.05", "1.5,0")
        with pytest.raises(ValueError, match=r"variance must be finite and above 0, got 0 at index 1"):
            read_ko2013(folder)

    def test_other_shapes_are_refused(self):
        one = np.ones(1)
        with pytest.raises(ValueError, match="every field must have one shape"):
            EpspRecordings(one * pq.mV, one * pq.mV**2, one, np.ones(2), one)


class TestTrains:
    @pytest.fixture
    def folder(self, tmp_path):
        for file in data_set_named("gontier2023").files:
            rows = "-2e-11,30\n-1e-11,0.01\n" * 2
            write(tmp_path, file.name, rows)
        return tmp_path

    def test_sweeps_are_rows_and_inward_currents_positive(self, folder):
        trains = read_gontier2023(folder)
        assert sorted({(each.protocol, each.cell) for each in trains}) == [
            (protocol, cell)
            for protocol in ("100Hz_long", "100Hz_short", "irregular")
            for cell in range(1, 8)
        ]
        np.testing.assert_allclose(trains[0].amplitudes.rescale(pq.pA).magnitude, [[20, 10], [20, 10]])
        np.testing.assert_allclose(trains[0].intervals.rescale(pq.ms).magnitude[:, 1], 10)

    @pytest.mark.parametrize("rows", ["1,2,3\n", "1,0.01\n1,30\n", "1,30\n1,30\n1,0.01\n"])
    def test_another_file_is_refused(self, folder, rows):
        write(folder, "100Hz_short_cell3.txt", rows)
        with pytest.raises(ValueError, match=r"100Hz_short_cell3\.txt must have two columns and sweeps"):
            read_gontier2023(folder)


@pytest.mark.data
class TestPublishedFiles:
    """What the documentation of the published files says of them."""

    @pytest.fixture
    def plasticity(self) -> PlasticityRecordings:
        return read_sjostrom2001(self.located("sjostrom2001"))

    @pytest.fixture
    def epsps(self) -> EpspRecordings:
        return read_ko2013(self.located("ko2013"))

    @staticmethod
    def located(name):
        try:
            return locate(name, download=False)
        except DataSetMissing as missing:
            pytest.skip(str(missing))

    def test_responses_of_trains_are_seen_to_depend_on_each_other(self):
        trains = read_gontier2023(self.located("gontier2023"))
        assert len(trains) == 21
        assert all(serial_dependence(each.amplitudes).is_dependent for each in trains)
        stimuli = {"100Hz_short": 26, "100Hz_long": 106, "irregular": 26}
        assert all(each.amplitudes.shape[1] == stimuli[each.protocol] for each in trains)

    def test_number_of_connections_and_protocols(self, plasticity):
        ltp, ltd = plasticity.induced("LTP"), plasticity.induced("LTD")
        assert (len(ltp), len(ltd)) == (30, 14)
        frequencies, counts = np.unique(ltp.frequency.magnitude, return_counts=True)
        assert dict(zip(frequencies, counts, strict=True)) == {0.1: 11, 10: 3, 20: 4, 40: 3, 50: 9}
        assert np.sum(ltp.timing == 10 * pq.ms) == 6
        assert np.all(ltd.timing == -10 * pq.ms)

    def test_twelve_recordings_occur_under_both_inductions(self, plasticity):
        names = [set(plasticity.induced(induction).recording) for induction in ("LTP", "LTD")]
        assert len(names[0] & names[1]) == 12
        assert len(names[0] | names[1]) == 32

    def test_every_change_has_the_sign_of_its_induction_and_exceeds_five_percent(self, plasticity):
        sign = np.where(plasticity.induction == "LTP", 1, -1)
        assert np.all(sign * plasticity.relative_change > 0.05)

    def test_ko_has_one_hundred_and_twelve_cells(self, epsps):
        assert (len(epsps), epsps.n_cells) == (136, 112)
        assert np.bincount(np.bincount(epsps.cell)).tolist() == [0, 89, 22, 1]

    def test_ko_ranges(self, epsps):
        assert (epsps.mean.min().item(), epsps.mean.max().item()) == pytest.approx((0.00596, 3.73), rel=2e-3)
        assert epsps.rate_mean.min() == pytest.approx(0.00147, rel=5e-3)
        assert epsps.rate_threshold.max() == pytest.approx(0.1065, rel=5e-3)
