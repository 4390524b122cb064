"""`brianpresyn fit` reads tables as they come, says where they are wrong, and writes a page and numbers."""

import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import quantities as pq

from biophys import ReleaseFit, ShortTermDynamics, fit_release, fit_releases
from biophys.recordings.tables import TableError, read_table, recorded_synapses, unit_named
from validation.cli import exit_code_of
from validation.cli.fit import EXAMPLE_OPTIONS
from validation.fit_report import methods_text

ROWS = [12.1, 0.3, 9.8, 21.4, -0.6, 11.0, 10.4, 0.2, 19.7, 31.0, 9.4, 0.1]
SIMPLE = "amplitude (pA)\n" + "\n".join(map(str, ROWS)) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    code = exit_code_of(["fit", *arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_independent_responses_from_a_file_to_page_json_and_csv(folder, capsys):
    rng = np.random.default_rng(1)
    x = rng.binomial(3, 0.5, 120) * -12.0 + rng.normal(0, 1.5, 120)
    lines = "".join(f"{v:.3f},{rng.normal(0, 1.5):.3f}\n" for v in x)
    (folder / "my.csv").write_text("amplitude (pA),baseline (pA)\n" + lines)
    outputs = ("--report", "my.html", "--json", "my.json", "--csv", "out.csv")
    code, text = run(capsys, "my.csv", *outputs)
    # How long it takes shows, of one synapse too.
    assert code == 0 and "release sites n" in text and re.search(r"100% \d:\d\d:\d\d .*fitting", text)
    fit = ReleaseFit.from_dict(json.loads((folder / "my.json").read_text())[""])
    assert fit.n.holds(3) and fit.p.holds(0.5) and fit.q.holds(-12) and fit.q.unit == "pA"
    page = (folder / "my.html").read_text()
    assert re.search(r"data:image/[a-z+]+;base64,", page) and "://" not in page and "doi:" in page
    assert "maximum likelihood" in page
    assert (folder / "out.csv").read_text().startswith("synapse,n_responses,unit,log_likelihood")
    assert "\n,120,pA," in (folder / "out.csv").read_text()


def test_labels_stand_in_figures_as_they_are_written(folder, capsys):
    rng = np.random.default_rng(2)
    labels = ["_control", r"10 $\muM$ drug", "1 $", "high, low"]
    x = [(label, value) for label in labels for value in rng.binomial(3, 0.5, 20) * 12 + rng.normal(0, 1, 20)]
    (folder / "my.csv").write_text("drug,amplitude (pA)\n" + "".join(f'"{c}",{v:.2f}\n' for c, v in x))
    options = ("--noise", "1pA", "--n", "3", "--condition", "Drug", "--report", "my.html")
    assert run(capsys, "my.csv", *options)[0] == 0
    assert "10 $\\muM$ drug, 1 $, &#34;high, low&#34; differed" in (folder / "my.html").read_text()
    synapses = recorded_synapses(read_table("my.csv"), condition="drug")
    figure = fit_release(**synapses[0].arguments, noise=1 * pq.pA, n=3).plot()
    (texts,) = ([t.get_text() for t in axes.get_legend().texts] for axes in figure.axes[2:3])
    assert texts == [" _control", r"10 \$\muM\$ drug", r"1 \$", "high, low"]


def test_what_was_fitted_is_written_before_a_page_that_fails(folder, capsys, monkeypatch):
    def fails(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr("validation.fit_report.write_fit_report", fails)
    (folder / "my.csv").write_text("amplitude (pA)\n" + "".join(f"{v}\n" for v in ROWS))
    assert run(capsys, "my.csv", "--n", "3", "--csv", "out.csv", "--report", "my.html")[0] != 0
    assert (folder / "out.csv").exists()


def test_a_bad_synapse_is_named_and_the_exit_code_is_one(folder, capsys):
    rows = "".join(f"a,{v}\n" for v in ROWS) + "b,1\nb,1\nb,1\n"
    (folder / "two.csv").write_text("synapse,amplitude (pA)\n" + rows)
    code, text = run(capsys, "two.csv", "--noise", "2pA", "--n", "3")
    assert code == 1 and "b: not fitted: a constant recording" in " ".join(text.split())
    assert run(capsys, "two.csv", "--noise", "2pA", "--n", "3", "--report", "two.html")[0] == 1
    page = " ".join((folder / "two.html").read_text().split())
    for number, name in ((1, "a"), (2, "b")):
        assert f'<a href="#s{number}">{name}</a>' in page and f'<section id="s{number}">' in page
    assert 'class="no">not fitted: a constant recording' in page


def test_trains_keep_their_sweeps_times_conditions_and_spikes(folder):
    (folder / "t.csv").write_text(
        "Sweep;Time (s);Amplitude (nA);spike;calcium\n"
        "1;0,1;0,012;1;low\n1;0,12;;1;low\n1;0,15;0,009;0;low\n2;0;0,021;1;high\n2;0,02;0,011;1;high\n"
    )
    table = read_table("t.csv")
    assert table.remarks == ["separator ';'", "decimal comma"]
    (synapse,) = recorded_synapses(table, condition="calcium")
    arguments = synapse.arguments
    assert [len(sweep) for sweep in arguments["amplitudes"]] == [3, 2]
    assert np.isnan(arguments["amplitudes"][0][1]) and float(arguments["amplitudes"][1][0]) == 0.021
    np.testing.assert_allclose(arguments["intervals"][0].magnitude[1:], [20, 30])
    assert arguments["conditions"] == ["low", "high"]
    assert [list(map(bool, mask)) for mask in arguments["spikes"]] == [[True, True, False], [True, True]]


def test_a_file_without_header_is_read_with_columns_and_new_sweeps(folder):
    (folder / "raw.txt").write_text("-1e-10,30\n-5e-11,0.01\n-2e-11,0.01\n-9e-11,30\n-4e-11,0.02\n")
    import quantities as pq

    table = read_table("raw.txt", "amplitude (A), interval (s)")
    (synapse,) = recorded_synapses(table, new_sweep_after=10 * pq.s)
    assert [len(sweep) for sweep in synapse.arguments["amplitudes"]] == [3, 2]
    with pytest.raises(
        TableError, match=r"raw.txt, line 1: numbers where columns should be named .*--columns"
    ):
        read_table("raw.txt")


@pytest.mark.parametrize("kind", ["tsv", "json", "xlsx", "standard input"])
def test_other_formats_hold_the_same(folder, monkeypatch, kind):
    name = f"my.{kind}"
    if kind == "tsv":
        (folder / name).write_text(SIMPLE.replace("\n", "\t1\n").replace("(pA)\t1", "(pA)\tsweep"))
    elif kind == "json":
        (folder / name).write_text(json.dumps({"amplitude (pA)": ROWS}))
    elif kind == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in ["amplitude (pA)", *ROWS]:
            book.active.append([row])
        book.save(name)
    else:
        stream = io.TextIOWrapper(io.BytesIO(SIMPLE.encode()))
        monkeypatch.setattr(sys, "stdin", stream)
        name = "-"
    (synapse,) = recorded_synapses(read_table(name))
    np.testing.assert_allclose(synapse.arguments["amplitudes"][0].magnitude, ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("# a comment\n", "empty"),
        ("amplitude\n1\n2\n3\n", r"line 1, column 'amplitude': no unit; .*'amplitude \(pA\)'"),
        ("# rig 2\n\namplitude\n1\n2\n3\n", "line 3, column 'amplitude': no unit"),
        ("amplitude (kg)\n1\n2\n3\n", "column 'amplitude': kg is no unit of a response"),
        ("amplitude (foo)\n1\n2\n3\n", "'foo' is no unit"),
        ("amplitude (9**9**9**9)\n1\n2\n3\n", "is no unit"),
        ("amplitude (pA.__class__)\n1\n2\n3\n", "is no unit"),
        ("current (pA)\n1\n2\n3\n", "no column 'amplitude'; the columns are 'current'"),
        ("amplitude (pA)\n1\nfail\n3\n", "line 3, column 'amplitude': 'fail' is no number; .*near 0"),
        ("amplitude (pA)\n1\ninf\n3\n", "line 3, column 'amplitude': 'inf' is no number"),
        ("amplitude (pA)\n1\n1e999\n3\n", "line 3, column 'amplitude': '1e999' is no number"),
        ("amplitude (pA)\n1\n1_000\n3\n", "line 3, column 'amplitude': '1_000' is no number"),
        ("amplitude (pA)\n1\nTrue\n3\n", "line 3, column 'amplitude': 'True' is no number"),
        ("amplitude (pA)\n1\n#DIV/0!\n3\n", "line 3, column 'amplitude': '#DIV/0!' is no number"),
        ("amplitude (pA)\n1\n#N/A\n3\n", "at least three measured"),
        ("sweep,amplitude (pA)\n1,1\n2,2\nMean,1.5\n", "line 4: 'Mean' is of no single response"),
        ("amplitude (fC)\tx\n1,234\t1\n987\t1\n", "'1,234' beside whole numbers may be a thousand"),
        ("amplitude (mV/10)\n1\n2\n3\n", "'mV/10' is no unit"),
        ("amplitude (pA)\nnA\n1\n2\n3\n", "line 2, column 'amplitude': 'nA' below 'pA' in the header"),
        ("sweep,amplitude (pA)\n,nA\n1,1\n2,2\n", "line 2, column 'amplitude': 'nA' below 'pA'"),
        ("cell,amplitude (pA)\nA,\nA,nA\n", "line 3, column 'amplitude': 'nA' is no number"),
        ("amplitude\nNA\n1\n2\n3\n", "line 1, column 'amplitude': no unit"),
        ("amplitude (pA)\n1 nA\n2 nA\n3 nA\n", "line 2, column 'amplitude': 'nA' below 'pA' in the header"),
        (
            "amplitude\n1 nA\n2\n3 nA\n",
            "'1 nA' is no number; write numbers alone, and the unit that all have",
        ),
        ("# rig 2\n1\n2\n", r"line 2: numbers where columns should be named \(# begins comments\)"),
        ("amplitude (-pA)\n1\n2\n3\n", "'-pA' is no unit"),
        ("amplitude A\n1\n2\n3\n", "no column 'amplitude'; the columns are 'amplitude a'"),
        (
            "condition,amplitude (pA)\nctl,1\nCtl,2\n",
            "line 3, column 'condition': 'Ctl' differs from 'ctl' by case or spaces only",
        ),
        ("amplitude (pA)\n1,5\n2,5,1\n3,5\n", "line 2: 2 cells, but 1 column named .*decimal comma"),
        ('amplitude (pA)\n1.5\n"2,5"\n3\n', "line 2: '1.5' has a decimal point, but others a decimal"),
        ("amplitude (pA);sweep\n1,5;1\n2.5;1\n", "line 3: '2.5' has a decimal point, but others a decimal"),
        ("amplitude (pA);sweep\n1.234,5;1\n2,5;1\n", "line 2, .*'1.234,5' is no number"),
        ("amplitude (pA),time (s)\n1,0\n2,0.2\n3,0.1\n", "line 4: the stimulus comes -100 ms after"),
        ("amplitude (pA),time (s)\n1,0\n2,\n3,0.1\n", "line 3, column 'time': empty; write the time"),
        ("amplitude (pA),interval (s)\n1,\n2,0.1\n3,\n", "line 4, column 'interval': empty"),
        ("amplitude (pA),time (mV)\n1,0\n2,1\n", "mV is no unit of time"),
        ("amplitude (pA),sweep\n1,1\n2\n", "line 3: 1 cell, but 2 columns"),
        ("amplitude (pA),sweep\n1,1\n2,\n", "line 3, column 'sweep': empty; write the sweep of every"),
        ("amplitude (pA),synapse\n1,a\n2,\n", "line 3, column 'synapse': empty"),
        ("amplitude (pA),condition\n1,a\n2,\n", "line 3, column 'condition': empty"),
        ("amplitude (pA),Amplitude (pA)\n1,1\n", "two columns are called 'amplitude'"),
        ("amplitude (pA),amplitude (mV)\n1,1\n", "two columns are called 'amplitude'"),
        ("amplitude (pA),,sweep\n1,2,1\n", "line 1: column 2 has no name; name it, or .*index=False"),
        ("amplitude (pA)\n\t1.5\n\t2.5\n", "line 2: 2 cells, .*begins with a separator"),
        ("amplitude (pA)\nnan\nnan\nnan\n", "at least three measured responses, got 0"),
        ("Sweep\nR1,Size (pA)\n1,-2\n", "line 2: 2 cells, .* name all columns with --columns"),
        ("a (pA),b (pA)\n1,2\n", "no column 'amplitude'; .* side by side goes below each other"),
        ("cell,pulse,amplitude (pA)\na,1,1\na,3,2\n", "line 3, column 'pulse': '3' where 2 is expected"),
        ("amplitude (pA),spike\n1,1\n2,2\n3,1\n", "line 3, column 'spike': '2' is neither 0 nor 1"),
        ("amplitude (pA),spike\n1,1\n2,\n3,1\n", "line 3, column 'spike': '' is neither 0 nor 1"),
        ("amplitude (pA),baseline (mV)\n1,1\n2,2\n", "mV cannot be compared with amplitudes in pA"),
        (
            "sweep,condition,amplitude (pA),time (s)\n1,a,1,0\n1,b,2,1\n",
            "line 3: condition 'b' in a sweep of 'a'",
        ),
        (
            "condition,sweep,amplitude (pA),time (ms)\na,1,1,0\na,1,1,9\nb,1,2,0\nb,1,2,9\n",
            r"line 4: condition 'b' in a sweep of 'a'; a sweep has one \(number them through",
        ),
        (
            "sweep,amplitude (pA),time (ms)\n1,1,0\n1,2,9\n2,2,0\n1,2,5\n",
            r"line 5: .* in its sweep \(line 3\)",
        ),
        ("stimulus,amplitude (pA)\n1,1\n3,2\n", "line 3, column 'stimulus': '3' where 2 is expected"),
        ("stimulus,amplitude (pA)\n2,1\n3,2\n", "line 2, column 'stimulus': '2' where 0 or 1 is"),
        ("sweep,stimulus,amplitude (pA)\na,0,1\na,1,2\nb,1,3\n", "line 4, .*'1' where 0 is expected"),
        ("\0\1\2", "this is no table"),
        ("\x89PNG\x1a\n", "this is no table"),
        ("amplitude (pA)\n", "a header, but no rows below it"),
        ("interval (ms),time (ms),amplitude (pA)\n5,0,1\n5,5,2\n5,9,1\n", "line 1: .* leave one of them out"),
        ("# rig 2\nnotes,trial\n1,2\n", "line 2: no column 'amplitude'; .* Call that of the responses"),
        ("# rig 2\nEPSC,trial\n1,2\n", r"line 2, column 'epsc': no unit; .*'epsc \(pA\)'"),
        ("amplitude (pA)\n1e300\n1\n2\n3\n", r"amplitudes reach 1e\+300 pA[^$]* not measured"),
        ("amplitude (pA)\n1e-320\n2e-320\n3e-320\n", "amplitudes reach[^$]* not measured"),
        ("amplitude (pA)\n" + '1,"', "at least three measured"),
        ("amplitude (pA)\n" + "x" * 200_000, "this is no table .*field larger"),
        ("amplitude (pA)\n" + "1\n" * 1_000_001, "lines, too large .*not the samples of the traces"),
    ],
)
def test_wrong_tables_are_named_with_line_and_column(folder, capsys, content, message):
    (folder / "bad.csv").write_bytes(content.encode("latin-1"))
    code, text = run(capsys, "bad.csv")
    assert code == (1 if "measured" in message else 2)
    assert re.search(message.replace(" ", r"\s+"), text), text


def test_a_file_that_is_too_large_is_not_read(folder, capsys):
    with open(folder / "traces.csv", "wb") as file:
        file.truncate(2_000_000_000)
    code, text = run(capsys, "traces.csv")
    assert code == 2 and "2000 MB, too large for a table of amplitudes" in " ".join(text.split())


@pytest.mark.parametrize(
    "raw",
    [
        SIMPLE.encode("utf-8-sig"),
        SIMPLE.encode("utf-16"),
        SIMPLE.replace("pA", "µA").encode("cp1252"),
        SIMPLE.replace("pA", "µA").encode(),
        SIMPLE.replace("pA", "μA").encode(),
        SIMPLE.replace("\n", "\r\n").encode(),
        SIMPLE.replace("\n", "\r").encode(),
        SIMPLE.replace("\n", ",,\n").encode(),
        SIMPLE.replace("\n", " \n\n").encode(),
        SIMPLE.replace("amplitude (pA)", "AMPLITUDE [pA]").encode(),
        SIMPLE.replace("amplitude (pA)", ' "Amplitude (pA)"').encode(),
        SIMPLE.replace(".", ",").replace("\n", ";\n").encode(),
        "".join(f"{i - 1 if i else ''},{x}\n" for i, x in enumerate(SIMPLE.split())).encode(),
    ],
)
def test_tables_of_other_programs_and_countries_hold_the_same(folder, raw):
    (folder / "my.csv").write_bytes(raw)
    (synapse,) = recorded_synapses(read_table("my.csv"))
    (amplitudes,) = synapse.arguments["amplitudes"]
    np.testing.assert_allclose(amplitudes.magnitude, ROWS)
    assert amplitudes.dimensionality.string == ("uA" if b"\xb5" in raw or b"\xbc" in raw else "pA")


@pytest.mark.parametrize(
    "content",
    [
        "amplitude,time\npA,s\n12.1,0\n0.3,5\n9.8,10\n",
        "amplitude,,time\n(pA),,(s)\n12.1,,0\n0.3,,5\n9.8,,10\n",
        "amplitude,time (s)\n12.1 pA,0 s\n0.3pA,5 s\n9.8 pA,10 s\n",
        "# rig 2\n# amplitude (pA),time (s)\n12.1,0\n0.3,5\n9.8,10\n",
        "amplitude (pA),note,time\nPA,,s\n12.1,,0\n0.3,,5\n9.8,,10\n",
        "amplitude (pA),,time (s),,\n12.1,,0,,\n0.3,,5,,\n9.8,,10,,\n",
        "\ufeffamplitude (pA);time (s)\n12,1;0\n0,3;5\n9,8;10\n",
        "Cell 3;\ndate;1.2.2024\n% rig 2;\nAmplitude_pA;time_s\n12.1;0\n0.3;5\n9.8;10\n",
        '"amplitude, pA",time/s\n12.1,0\n0.3,5\n9.8,10\n',
        "amplitude pA\ttime s\n+12.1\t0\n0.3\t5\n9.8\t10\n",
        "amplitude (pA)   time (s)\n   12.1   0\n    0.3   5\n    9.8   10\n",
        "Cell 3, rig 2\n\nAmplitude (pA);time (s)\n12,1;0\n0,3;5\n9,8;10\n",
        ",amplitude (pA),time (s)\n0,12.1,0\n1,0.3,5\n2,9.8,10\n",
    ],
)
def test_units_wherever_they_stand_titles_blank_columns_and_marks_are_read(folder, content):
    (folder / "odd.csv").write_text(content, encoding="utf-8")
    (synapse,) = recorded_synapses(read_table("odd.csv"))
    assert synapse.arguments["amplitudes"][0].dimensionality.string == "pA"
    np.testing.assert_array_equal(synapse.arguments["amplitudes"][0].magnitude, [12.1, 0.3, 9.8])
    np.testing.assert_array_equal(synapse.arguments["intervals"][0].magnitude[1:], [5000.0, 5000.0])


def test_columns_name_those_of_a_file_with_another_header(folder):
    rows = "".join(f"{i}\t{v}\t{10 * i}\n" for i, v in enumerate(ROWS))
    for title in ("ATF\t1.0\n2\t3\n", ""):
        (folder / "c.atf").write_text(f'{title}"Trace"\t"R1S1 Peak (pA)"\t"Start (s)"\n{rows}')
        table = read_table("c.atf", "trace, amplitude (pA), start (s)")
        (synapse,) = recorded_synapses(table)
        np.testing.assert_array_equal([float(x[0]) for x in synapse.arguments["amplitudes"]], ROWS)
        assert "column 'trace' as sweep" in table.remarks


def test_cells_are_told_apart_whatever_their_column_is_called(folder):
    lines = "".join(f"{c},{t},{10 * t},{c}{t}\n" for c in (1, 2) for t in range(4))
    (folder / "c.csv").write_text("Cell,Pulse,Time (ms),Amplitude (pA)\n" + lines)
    table = read_table("c.csv")
    assert [synapse.name for synapse in recorded_synapses(table)] == ["1", "2"]
    assert table.remarks == ["column 'cell' as synapse", "column 'pulse' as stimulus"]
    (both,) = recorded_synapses(read_table("c.csv"), condition="cell")
    assert both.arguments["conditions"] == ["1", "2"]


def test_names_in_brackets_are_shown_as_they_are(folder, capsys):
    lines = "".join(f"{s},{c},{v}\n" for s in ("a", "[b]") for c in ("[red]", "ctrl") for v in ROWS)
    (folder / "m.csv").write_text(
        f"synapse,condition,amplitude (pA),x [y]\n{lines.replace(chr(10), ',1' + chr(10))}"
    )
    _, text = run(capsys, "m.csv", "--noise", "2pA", "--n", "3")
    assert "p[[red]]" in text and "p[ctrl]" in text and "│ [b] " in text
    (folder / "m.csv").write_text("synapse,amplitude (pA)\n" + "[red]x,1\n" * 3)
    assert "[red]x: not fitted" in run(capsys, "m.csv")[1]


def test_a_batch_prints_a_row_for_each_synapse(folder, capsys):
    rows = "".join(f"{name},{v}\n" for name in ("a", "b", "c") for v in ROWS) + "d,1\nd,1\nd,1\n"
    (folder / "many.csv").write_text("synapse,amplitude (pA)\n" + rows)
    code, text = run(capsys, "many.csv", "--noise", "2pA", "--n", "3")
    assert code == 1 and text.count("?") and "d: not fitted" in text
    assert sum(bool(re.match(r"│ [abc] ", line)) for line in text.splitlines()) == 3


def test_intervals_that_no_axon_follows_are_remarked(folder, capsys):
    lines = "".join(f"{s},{t * (20 if s else 0.02):g},{ROWS[t]}\n" for s in (0, 1) for t in range(6))
    (folder / "mixed.csv").write_text("sweep,time (ms),amplitude (pA)\n" + lines)
    _, text = run(capsys, "mixed.csv", "--noise", "2pA", "--n", "3")
    assert "median interval of 0.02 ms" in " ".join(text.split())


def test_a_page_of_many_synapses_draws_those_with_the_most_warnings_and_says_so(folder, capsys):
    steady = np.tile([10.0, 0.0, 20.0, 9.0], 15) + np.random.default_rng(5).normal(0, 0.5, 60)
    drifting = {"b": steady + np.linspace(0, 60, 60), "a": steady, "c": steady[::-1]}
    rows = "".join(f"{name},{v:.2f}\n" for name, values in drifting.items() for v in values)
    (folder / "m.csv").write_text("synapse,amplitude (pA)\n" + rows + "d,1\n")
    options = ("m.csv", "--noise", "1pA", "--n", "3", "--report", "m.html")
    code, text = run(capsys, *options, "--figures", "1")
    assert code == 1 and "100%" in text
    page = (folder / "m.html").read_text(encoding="utf-8")
    assert page.count("<img") == 1 < page.index("<img") < page.index('id="s2"')
    assert "drawn of 1 of 3 synapses" in page and "--figures 3" in page and page.count("For the methods") == 3
    run(capsys, *options)
    page = (folder / "m.html").read_text(encoding="utf-8")
    assert page.count("<img") == 3 and "--figures" not in page
    columns = re.findall(r"<th>(.*?)</th>", page[: page.index("</nav>")])
    assert columns == ["synapse", "n", "p", "q", "warnings"]


@pytest.mark.parametrize("first", [0, 1])
def test_stimuli_count_from_zero_or_one_and_begin_sweeps(folder, first):
    rows = [(s, i, 10.0 * s + i) for s in range(3) for i in range(4)]
    lines = "".join(f"{i + first},{20 * i},{x}\n" for _, i, x in rows)
    (folder / "t.csv").write_text("stimulus,time (ms),amplitude (pA)\n" + lines)
    (synapse,) = recorded_synapses(read_table("t.csv"))
    assert [len(sweep) for sweep in synapse.arguments["amplitudes"]] == [4, 4, 4]
    np.testing.assert_allclose(synapse.arguments["intervals"][2].magnitude[1:], 20)


def test_sweeps_may_be_interleaved(folder):
    rows = [(s, 7 * s + 20 * i * (1 + s), 10 * s + i) for i in range(4) for s in range(3)]
    lines = "".join(f"{s},{t},{x}\n" for s, t, x in rows)
    (folder / "t.csv").write_text("sweep,time (ms),amplitude (pA)\n" + lines)
    (synapse,) = recorded_synapses(read_table("t.csv"))
    for s, (x, gaps) in enumerate(
        zip(synapse.arguments["amplitudes"], synapse.arguments["intervals"], strict=True)
    ):
        np.testing.assert_allclose(x.magnitude, 10 * s + np.arange(4))
        np.testing.assert_allclose(gaps.magnitude[1:], 20 * (1 + s))


def test_two_columns_of_conditions_are_combined_and_unused_columns_named(folder):
    lines = "".join(f"{v},{'low' if i % 2 else 'high'},{i < 6}\n" for i, v in enumerate(ROWS))
    (folder / "c.csv").write_text("amplitude (pA),calcium,drug\n" + lines)
    table = read_table("c.csv")
    (both,) = recorded_synapses(table, condition="Calcium, drug")
    assert set(both.arguments["conditions"]) == {"high, True", "low, True", "high, False", "low, False"}
    (single,) = recorded_synapses(table, condition="calcium")
    assert set(single.arguments["conditions"]) == {"high", "low"}
    assert table.remarks[-1].startswith("columns not used: drug")
    with pytest.raises(TableError, match="no column 'dose'"):
        recorded_synapses(table, condition="calcium,dose")


def test_pairs_of_conditions_with_commas_are_told_apart(folder):
    rows = [f"{v},{('a', 'b, c') if i % 2 else ('a, b', 'c')}" for i, v in enumerate(ROWS)]
    text = "\n".join(rows).replace("('", '"').replace("', '", '","').replace("')", '"')
    (folder / "c.csv").write_text("amplitude (pA),calcium,drug\n" + text)
    (both,) = recorded_synapses(read_table("c.csv"), condition="calcium,drug")
    assert set(both.arguments["conditions"]) == {"a, 'b, c'", "'a, b', c"}


def test_merged_cells_hold_for_all_their_rows_and_the_sheet_is_named(folder):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "cell 3"
    book.create_sheet("notes")
    sheet.append(["sweep", "amplitude (pA)"])
    for i, value in enumerate(ROWS):
        sheet.append([i // 4 if i % 4 == 0 else None, value])
    for start in (2, 6, 10):
        sheet.merge_cells(f"A{start}:A{start + 3}")
    book.save("m.xlsx")
    table = read_table("m.xlsx")
    (synapse,) = recorded_synapses(table)
    assert [len(sweep) for sweep in synapse.arguments["amplitudes"]] == [4, 4, 4]
    assert table.source == "m.xlsx, sheet 'cell 3'"
    assert not table.remarks
    book["notes"].append([])
    book["notes"]["A3"] = "rig 2"
    book.save("m.xlsx")
    assert read_table("m.xlsx").remarks == ["other sheets left out: 'notes' (name one with --sheet)"]
    book.active = 1
    book.remove(book["notes"])
    book.create_sheet("notes")
    book.save("m.xlsx")
    with pytest.raises(
        TableError, match=r"m\.xlsx, sheet 'notes': empty.*: 'cell 3' \(name one with --sheet\)"
    ):
        read_table("m.xlsx")


def test_a_formula_whose_value_was_not_saved_is_no_missing_response(folder):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["sweep", "amplitude (pA)"], [1, -3.0], [2, "=A2*2"], [3, None]):
        book.active.append(row)
    book.save("f.xlsx")
    with pytest.raises(TableError, match=r"f\.xlsx, cell B3: a formula without its value"):
        read_table("f.xlsx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2, 3]", "list of records"),
        ('{"amplitude (pA)": [1, 2], "sweep": [1]}', "unequal lengths"),
        ('{"amplitude (pA)": [1, NaN, true]}', "'True' is no number"),
        ('{"amplitude (pA)": [1, [2], 3]}', "no number"),
        ("[" * 100_000, "no json"),
        ("{", "line 1: no json"),
        ("\xff", "list of records|no json"),
    ],
)
def test_json_that_is_no_table_is_named(folder, capsys, content, message):
    (folder / "bad.json").write_bytes(content.encode("latin-1"))
    code, text = run(capsys, "bad.json")
    assert code == 2 and re.search(message, " ".join(text.split())), text


def test_wrong_options_are_named(folder, capsys):
    (folder / "my.csv").write_text(SIMPLE)
    for arguments, message in [
        (("no.csv",), "no such file: no.csv"),
        ((), "name a table"),
        (("my.csv", "--noise", "much"), "--noise must be above 0, such as 0.5pA"),
        (("my.csv", "--noise", "baseline"), "needs a column baseline"),
        (("my.csv", "--noise", "2mV"), "of the dimension of amplitudes in pA"),
        (("my.csv", "--noise", "-2pA"), "--noise must be above 0"),
        (("my.csv", "--noise", "0pA"), "--noise must be above 0"),
        (("my.csv", "--cv-within", "-0.3"), "--cv-within"),
        (("my.csv", "--cv-within", "nan"), "cv"),
        (("my.csv", "--new-sweep-after", "10s"), "needs a column 'time' or 'interval'"),
        (("my.csv", "--new-sweep-after", "10mV"), "--new-sweep-after must be a time"),
        (("my.csv", "--columns", "amplitude (pA), sweep"), "line 1: 1 cell, but 2 columns named"),
        (("my.csv", "--condition", "drug"), "no column 'drug'"),
    ]:
        code, text = run(capsys, *arguments)
        assert code == 2 and message in " ".join(text.split()), (arguments, text)


def test_no_output_replaces_the_data_another_output_or_a_table_that_is_there(folder, capsys):
    (folder / "my.csv").write_text(SIMPLE)
    for arguments, message in [
        (("my.csv", "--json", "my.csv"), "--json my.csv would replace the data in my.csv"),
        (("my.csv", "--csv", "x/../my.csv"), "would replace the data in my.csv"),
        (("my.csv", "--report", "a.out", "--csv", "a.out"), "--csv a.out would replace what --report writes"),
        (("--example", "my.csv"), "my.csv is there already"),
        (("my.csv", "--report", "/proc/none/my.html"), "--report: /proc/none cannot be made"),
    ]:
        code, text = run(capsys, *arguments)
        assert code == 2 and message in " ".join(text.split()), (arguments, text)
        assert (folder / "my.csv").read_text() == SIMPLE


def test_units_behind_a_slash_are_read_and_other_slashes_left(folder):
    (folder / "iso.tsv").write_text("Amplitude / pA\tdate/time\tbaseline/nA\n1\tx\t0.1\n2\ty\t0.2\n")
    table = read_table("iso.tsv")
    assert table.units == {"amplitude": "pA", "baseline": "nA"} and "date/time" in table.columns


def test_rows_of_json_are_called_records(folder, capsys):
    (folder / "my.json").write_text(json.dumps({"amplitude (pA)": [1, 2, "x"]}))
    code, text = run(capsys, "my.json")
    assert code == 2 and "my.json, record 3, column 'amplitude': 'x' is no number" in " ".join(text.split())


def test_the_example_can_be_fitted(folder, capsys):
    assert run(capsys, "--example", "e.csv")[0] == 0
    synapses = recorded_synapses(read_table("e.csv"))
    assert [s.name for s in synapses] == ["a", "b"]
    assert len(synapses[0].arguments["amplitudes"]) == 15 and "baseline" in synapses[0].arguments


@pytest.mark.slow
def test_the_command_that_the_example_names_finds_its_sites(folder, capsys):
    _, text = run(capsys, "--example", "e.csv")
    command = re.search(r"brianpresyn fit (e\.csv .*)", text)[1]
    for page in ("README.md", "docs/how_to/analyse_recordings.md"):
        assert EXAMPLE_OPTIONS in (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    assert run(capsys, *command.split(), "--json", "e.json")[0] == 0
    fits = json.loads((folder / "e.json").read_text(encoding="utf-8"))
    for name, n, p in (("a", 5, 0.6), ("b", 4, 0.3)):
        fit = ReleaseFit.from_dict(fits[name])
        assert fit.n.holds(n) and fit.p.holds(p) and np.isfinite(fit.n.value)


def costs(capsys, *arguments):
    code = exit_code_of(["costs", *arguments])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def test_exponents_of_a_table_of_ones_own(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    sd = np.geomspace(0.1, 0.4, 8)
    rows = [f"{g},0.3,{s},{s**-power}" for g, power in (("a", 0.5), ("b", 2.0)) for s in sd]
    (folder / "c.csv").write_text("mechanism,mean (mV),sd (mV),cost (ATP/s)\n" + "\n".join(rows))
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 0 and "rho = 0.500" in text and "rho = 2.000" in text and "within 0.0 %" in text
    rates = "\n".join(f"0.3,{s},{s**-4}" for s in sd)
    (folder / "r.csv").write_text("mean (mV),sd (mV),rate (Hz)\n" + rates)
    code, text = costs(capsys, "--data", "r.csv")
    assert code == 0 and "slope = -0.500" in text and "rho = 2.00" in text
    (folder / "v.csv").write_text("mean (mV),sd (mV**2),cost (1)\n1,1,1\n1,2,3\n1,3,2\n")
    code, text = costs(capsys, "--data", "v.csv")
    assert code == 2 and "mV**2 beside 'mean (mV)', of another dimension; take the root" in text
    (folder / "m.csv").write_text("mean (mV),cost (1)\n1,1\n")
    code, text = costs(capsys, "--data", "m.csv")
    assert code == 2 and "no column 'sd'" in text


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        ("cost (fJ)", "0.3,0.1,0", "line 5, column 'cost': 0 is not above 0"),
        (
            "cost (fJ),cost error (ATP/s)",
            "0.3,0.1,2,1",
            "line 1, column 'cost error': ATP/s beside 'cost (fJ)'",
        ),
        (
            "cost (1),sd error (%)",
            "0.3,0.1,2,1",
            "column 'sd error': % beside 'sd (mV)', of another dimension",
        ),
        ("rate (mV)", "0.3,0.1,2", "line 1, column 'rate': mV is no rate; write 'rate (Hz)'"),
        ("cost (mV)", "0.3,0.1,2", "line 1, column 'cost': mV is no cost; write 'cost (ATP/s)'"),
        ("cost (ATP per day off)", "0.3,0.1,2", "column 'cost': 'ATP per day off' is no unit; write for"),
        ("rate", "0.3,0.1,2", "column 'rate': no unit; write it into the header, 'rate (Hz)'"),
        ("cost (1)", "0.3,,2", "line 5, column 'sd': empty; leave out rows"),
        ("cost (1)", "0.3,-0.1,2", "line 5, column 'sd': -0.1 is not above 0"),
        ("cost (1)", "0.3,0.1,0", "line 5, column 'cost': 0 is not above 0"),
        ("cost (1)", "0,0.1,2", "line 5, column 'mean': 0 is not above 0"),
        ("cost (1)", "-0.3,0.1,2", "line 5, column 'mean': of another sign"),
        ("cost (1)", "0.3,1e-300,2", "line 5, column 'sd': 1e-300 lies far from all others"),
        ("cost (1)", "0.3,0.1,1e299", "line 5, column 'cost': 1e+299 lies far"),
    ],
)
def test_wrong_cells_of_a_table_of_costs_are_named(folder, capsys, header, cells, message):
    rows = "\n".join(f"0.3,{sd},{sd**-1}{',1' * header.count(',')}" for sd in (0.1, 0.2, 0.4))
    (folder / "c.csv").write_text(f"mean (mV),sd (mV),{header}\n{rows}\n{cells}\n")
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 2 and message in text and "c.csv: c.csv" not in text, text


def test_unused_columns_and_mechanisms_of_few_rows_are_named(folder, capsys):
    rows = [f"0.3,{sd},{sd**-2},{1},ion flux" for sd in (0.1, 0.2, 0.4)] + ["0.3,0.2,3,1,calcium pump"]
    (folder / "c.csv").write_text("mean (mV),sd (mV),cost (1),sd sem (mV),mechanism\n" + "\n".join(rows))
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 0 and "rho = 2.000" in text and "not fitted" in text
    assert "columns not used: sd sem" in text
    (folder / "v.csv").write_text("mean (mV),variance (mV**2),cost (1)\n1,1,1\n1,2,3\n1,3,2\n")
    code, text = costs(capsys, "--data", "v.csv")
    assert code == 2 and "take the root of the variances" in text


@pytest.mark.parametrize(
    ("header", "guessed"),
    [
        ("mean (mV),std (mV),cost (ATP/s)", "column 'std' as sd"),
        ("average_mV,stdev_mV,energy_fJ", "column 'energy' as cost"),
        ("Mean EPSP [mV],SD of EPSP [mV],Power [fW]", "column 'sd of epsp' as sd"),
        ("mean (mv),standard deviation (uV),cost (molecules of ATP per second)", "as sd"),
        ("mean / volts,std. dev. / volts,cost (atp s-1)", "column 'std. dev.' as sd"),
    ],
)
def test_costs_take_the_usual_names_and_spellings(folder, capsys, monkeypatch, header, guessed):
    monkeypatch.setenv("COLUMNS", "200")
    rows = "\n".join(f"0.3,{sd},{sd**-1.5}" for sd in np.geomspace(0.1, 0.4, 8))
    (folder / "c.csv").write_text(f"{header}\n{rows}\n")
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 0 and "rho = 1.500" in text and guessed in text, text
    assert "no column 'sd error': an exponent that ignores the errors of the sds is too small" in text
    (folder / "bare.csv").write_text(rows)
    code, text = costs(capsys, "--data", "bare.csv", "--columns", "mean (mV), std (mV), rate (spikes/s)")
    assert code == 0 and "slope = -1.333" in text and "no column 'rate error'" in text


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("mean (mV),std (mV),sigma (mV),cost (1)", "columns 'std' and 'sigma' may both be the sd"),
        ("mean (mV),spread (mV),atp,cost (1)", "no column 'sd'; .* name all anew with --columns 'mean"),
        ("mean,std,x,cost (1)", r"column 'mean': no unit; write it into the header, 'mean \(mV\)'"),
    ],
)
def test_names_that_may_mean_two_things_or_nothing_are_refused(folder, capsys, header, message):
    (folder / "c.csv").write_text(header + "\n1,1,1,1\n1,2,2,2\n1,3,3,3\n")
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 2 and re.search(message, text), text


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("pa", "pA"), ("PA", "pA"), ("Amps", "A"), ("fA", "fA"), ("Volts", "V"), ("mv", "mV"), ("msec", "ms"),
        ("HZ", "Hz"),
        ("spikes/s", "1/s"), ("s-1", "1/s"), ("atp/s", "ATP/s"), ("ATP*s^-1", "ATP/s"),
        ("ATP per s", "ATP/s"), ("mV²", "mV**2"), ("ATP·s⁻¹", "ATP/s"), ("s⁻¹", "1/s"),
        ("molecules/s", "ATP/s"), ("mS", "mS"), ("ms", "ms"), ("ns", "ns"),
    ],
)  # fmt: skip
def test_units_as_programs_spell_them(written, unit):
    assert unit_named(written, "").dimensionality.string == unit


def test_responses_go_by_usual_names_and_a_time_to_peak_is_none_of_a_stimulus(folder):
    rows = "".join(f"{i},{5 + i},{v}\n" for i, v in enumerate(ROWS))
    (folder / "c.csv").write_text("EPSC\nEpisode,Peak time (ms),EPSC_pA\n" + rows)
    table = read_table("c.csv")
    (synapse,) = recorded_synapses(table)
    assert list(synapse.arguments) == ["amplitudes"]
    assert "column 'epsc' as amplitude" in table.remarks and "column 'episode' as sweep" in table.remarks
    assert "columns not used: peak time (call one synapse or sweep" in "".join(table.remarks)


def test_a_unit_in_every_row_is_taken_or_named(folder, capsys):
    rows = [f"{v},pA" for v in ROWS]
    (folder / "c.csv").write_text("amplitude,unit\n" + "\n".join(rows))
    (synapse,) = recorded_synapses(read_table("c.csv"))
    assert synapse.arguments["amplitudes"][0].dimensionality.string == "pA"
    (folder / "c.csv").write_text("amplitude (pA),unit\n" + "\n".join([*rows, "0.01,nA"]))
    code, text = run(capsys, "c.csv")
    assert code == 2 and f"line {len(ROWS) + 2}, column 'unit': 'nA' beside 'pA'" in text
    (folder / "c.csv").write_text("amplitude (pA),unit\n" + "\n".join(f"{v},3" for v in ROWS))
    assert recorded_synapses(read_table("c.csv"))[0].arguments


def test_a_sheet_is_chosen_by_name_or_number(folder, capsys):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["notes"])
    for name, header in (
        ("first cell", ["amplitude (pA)"]),
        ("costs", ["mean (mV)", "std (mV)", "cost (1)"]),
    ):
        book.create_sheet(name).append(header)
    for value in ROWS:
        book["first cell"].append([value])
    for sd in (0.1, 0.2, 0.3, 0.4):
        book["costs"].append([0.3, sd, 1 / sd])
    book.create_chartsheet("chart").add_chart(openpyxl.chart.BarChart())
    book.save(folder / "m.xlsx")
    for sheet in ("first cell", "2"):
        np.testing.assert_array_equal(read_table("m.xlsx", sheet=sheet).numbers("amplitude"), ROWS)
    assert run(capsys, "m.xlsx", "--sheet", "first cell", "--n", "3")[0] == 0
    assert costs(capsys, "--data", "m.xlsx", "--sheet", "costs")[0] == 0
    for sheet in ("First", "4", "chart"):
        code, text = run(capsys, "m.xlsx", "--sheet", sheet)
        assert code == 2 and f"no sheet '{sheet}'; the sheets are 'Sheet', 'first cell', 'costs'" in text
    book.active = 3
    book.save(folder / "m.xlsx")
    with pytest.raises(TableError, match="the sheet that is shown holds no table; the sheets are 'Sheet'"):
        read_table("m.xlsx")
    (folder / "c.csv").write_text("amplitude (pA)\n1\n2\n3\n")
    code, text = run(capsys, "c.csv", "--sheet", "1")
    assert code == 2 and "only a workbook (xlsx) has sheets" in text


def test_trains_of_seconds_in_the_place_of_milliseconds_are_remarked(folder, capsys):
    rows = "".join(f"{s},{20 * i},{v}\n" for s in range(4) for i, v in enumerate((12, 9, 11, 3)))
    (folder / "t.csv").write_text("sweep,time (s),amplitude (pA)\n" + rows)
    code, text = run(capsys, "t.csv", "--dynamics", "depletion", "--n", "3")
    assert code == 0 and "no interval is below 2e+04 ms" in text
    code, text = run(capsys, "t.csv", "--n", "3")
    assert "no interval is below" not in text


def test_figures_of_costs_do_not_replace_the_table(folder, capsys):
    (folder / "c.csv").write_text("mean (mV),sd (mV),cost (1)\n1,1,1\n1,2,3\n1,3,2\n")
    for option in ("--figure", "--map"):
        code, text = costs(capsys, "--data", "c.csv", option, "c.csv")
        assert code == 2 and "would replace the data" in text


def test_amplitudes_far_from_their_unit_are_remarked(folder, capsys):
    for unit, is_right in (("pA", False), ("A", True), ("mV", False), ("S", True), ("V", False)):
        rows = "\n".join(str(1e-12 * v) for v in ROWS)
        (folder / "a.csv").write_text(f"amplitude ({unit})\n{rows}\n")
        code, text = run(capsys, "a.csv", "--n", "3")
        assert code == 0 and ("is the unit right?" in " ".join(text.split())) != is_right, unit
    (folder / "a.csv").write_text("amplitude (%)\n" + "\n".join(map(str, ROWS)))
    code, text = run(capsys, "a.csv", "--n", "3", "--noise", "0.02 dF/F")
    assert code == 0 and " % " in text


def test_json_of_pandas_is_read(folder):
    column = {str(i): v for i, v in enumerate(ROWS)}
    (folder / "p.json").write_text(json.dumps({"amplitude (pA)": column, "sweep": {"0": 1}}))
    table = read_table("p.json")
    np.testing.assert_array_equal(table.numbers("amplitude"), ROWS)


def test_the_methods_say_what_was_done():
    x = np.array([*ROWS, *ROWS]) * pq.pA
    labels = ["low"] * len(ROWS) + ["high"] * len(ROWS)
    fit = fit_release(x, n=3, conditions=labels, noise=2 * pq.pA, robust=True)
    assert "conditions (calcium in mM) low, high differed" in methods_text(fit, "calcium in mM")
    text = methods_text(fit, "condition")
    assert "conditions low, high differed in release probability p; all" in text
    assert "All quanta were taken as equal;" in text and "(Bird" not in text
    assert "given, 2 pA" in text and "artefacts" in text and "not fitted but given, 3" in text
    train = {"intervals": np.full(len(ROWS), 20.0) * pq.ms, "n": 3, "noise": np.arange(9.0) * pq.pA}
    for dynamics, words in (
        ("facilitation", "all sites full"),
        ("two-rate", "recovers at two rates, by the exact"),
        (ShortTermDynamics(0.5, 100 * pq.ms, 0 * pq.ms), "not fitted but given. All quanta"),
    ):
        text = methods_text(fit_release(ROWS * pq.pA, dynamics=dynamics, **train))
        assert words in text and "9 samples of the baseline" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "nr;amplitude (fA)\n1;-15.278\n2;-987\n3;-1.016\n",
            "'-1.016' beside whole numbers may be a thousand",
        ),
        (
            "nr\tamplitude (fA)\n1\t1,016\n2\t987\n3\t2,120\n",
            "'1,016' beside whole numbers may be a thousand",
        ),
        (
            'nr,amplitude (fA)\n1,"-15,278"\n2,-987\n',
            "'-15,278' beside whole numbers may be a thousand",
        ),
        ("nr;amplitude (fA)\n1;-15 278\n2;-987\n", "'-15 278' is no number; write a number without marks of"),
        ("nr;epsc (pA)\n1;x\n2;9\n", "column 'epsc': 'x' is no number; write a number (of a failure what"),
        ("nr,amplitude (pA)\nStAbw,3\n2,5\n", "line 2: 'StAbw' is of no single response"),
        ("trial,amplitude (pA)\n1,3\n2,5\n3,4\n4,6\n5,7\nmoyen,4.5\n", "line 7: 'moyen' below numbers in"),
        (
            "amplitude (pA)\n1.253\n3.311\n2.604\n\n2.389\n1.04\n",
            "line 6: '2.389', the mean, median or sum",
        ),
        (
            "amplitude (pA)\n1.253\n3.311\n2.604\n,\n7.168000000000001\n",
            "'7.168000000000001', the mean, median or sum",
        ),
        ("amplitude (pA)\n1.253\n3.311\n2.604\n2.3893\n", "line 5: '2.3893', the mean"),
        (
            "drug,amplitude (pA)\na,1.253\na,3.311\na,2.604\nMW,2.389\n",
            "line 5: '2.389', the mean",
        ),
    ],
)
def test_marks_of_thousands_and_rows_of_means_are_no_responses(folder, capsys, content, message):
    (folder / "m.csv").write_text(content)
    code, text = run(capsys, "m.csv")
    assert code == 2 and message in " ".join(text.split()), text


@pytest.mark.parametrize(
    ("label", "is_summary_of"),
    [
        *((x, ("trial", "condition")) for x in ("Mean ± SD", "mean (n=60)", "grand mean", "mean1", "avg.")),
        *((x, ("trial", "condition")) for x in ("Mittel-wert", "Mean+SD", "Durchschnitt", "s.e.m.", "SD:")),
        ("Mean control", ("trial",)),
        ("mean-variance low Ca", ("trial",)),
        ("SD2", ()), ("meander 2", ()), ("2b", ()), ("stdp 3", ()), ("seven", ("trial",)),
    ],
)  # fmt: skip
def test_labels_of_means_are_told_from_those_of_responses(folder, label, is_summary_of):
    for column in ("trial", "condition"):
        named = range(1, 8) if column == "trial" else "aabbabb"
        rows = "".join(f"{name},{v}\n" for name, v in zip(named, ROWS, strict=False))
        (folder / "m.csv").write_text(f"{column},amplitude (pA)\n{rows}{label},9.5\n", encoding="utf-8")
        if column in is_summary_of:
            with pytest.raises(TableError, match=f"line 9: {re.escape(repr(label))}"):
                read_table("m.csv")
        else:
            assert read_table("m.csv").columns[column][-1] == label


def test_a_response_near_the_mean_of_all_before_is_none_of_their_means(folder):
    for rows in ("1.253\n3.311\n2.604\n2.389\n", "1.253\n3.311\n2.604\n\n2.388\n", "1.2\n3.3\n2.6\n\n2.4\n"):
        (folder / "m.csv").write_text(f"amplitude (pA)\n{rows}")
        assert read_table("m.csv").numbers("amplitude").size == 4
    # Nor is it where each row has a name of its own.
    named = [*zip("abc", (1.253, 3.311, 2.604), strict=True), ("d", 2.389)]
    (folder / "m.csv").write_text("cell,amplitude (pA)\n" + "".join(f"{n},{v}\n" for n, v in named))
    assert read_table("m.csv").numbers("amplitude").size == 4


def test_a_decimal_comma_is_read_wherever_no_other_reading_is_left(folder):
    openpyxl = pytest.importorskip("openpyxl")
    numbers = ["12,3", "-0,5", "7", "", "1,234"]
    lines, book = "\n".join(numbers) + "\n", openpyxl.Workbook()
    for row in (["amplitude (pA)", "sweep"], *([text, 1.5] for text in numbers)):
        book.active.append(row)
    book.save("d.xlsx")
    (folder / "d.csv").write_text("my cell, layer 5\namplitude (pA)\n" + lines)
    (folder / "columns.csv").write_text(lines)
    (folder / "quoted.csv").write_text("amplitude (pA),sweep\n" + "".join(f'"{x}",1\n' for x in numbers))
    (folder / "d.json").write_text(json.dumps({"amplitude (pA)": numbers, "sweep": [1.5] * 5}))
    for name in ("d.csv", "columns.csv", "d.xlsx", "d.json", "quoted.csv"):
        table = read_table(name, "amplitude (pA)" if name == "columns.csv" else None)
        values = table.numbers("amplitude")
        expected = [12.3, -0.5, 7, np.nan, 1.234]
        np.testing.assert_array_equal(values[np.isfinite(values)], [x for x in expected if x == x])
        assert "decimal comma" in table.remarks and not any("separator" in text for text in table.remarks)
    (folder / "d.json").write_text(json.dumps({"amplitude (pA)": ["1,234", "2,345", "3,456"]}))
    with pytest.raises(TableError, match="'1,234' may be a thousand or have decimals"):
        read_table("d.json")
    # Below two names, or with two given, a comma separates columns.
    (folder / "two.csv").write_text("amplitude (pA),sweep\n12,3\n13,3\n")
    assert read_table("two.csv").numbers("sweep").tolist() == [3, 3]
    (folder / "two.csv").write_text("12,3\n13,3\n")
    assert read_table("two.csv", "amplitude (pA), sweep").numbers("sweep").tolist() == [3, 3]
    # The comma of a title is not told from that between two names, unless the first counts the rows.
    (folder / "two.csv").write_text("Cell 3, peak (pA)\n-12,3\n-13,3\n")
    with pytest.raises(TableError, match="may be one column with decimal commas or two"):
        read_table("two.csv")
    assert read_table("two.csv", "amplitude (pA)").numbers("amplitude").tolist() == [-12.3, -13.3]
    titles = ["Amplitude (pA), corrected", "Amplitude, corrected (pA)", "EPSC (pA), less baseline"]
    for header in (*titles, "amplitude (pA), n = 12"):
        for column in ("1,23\n1,01\n", "1,01\n1,23\n1,50\n", "10,1\n28,8\n-0,7\n-,5\n"):
            (folder / "two.csv").write_text(f"{header}\n{column}")
            with pytest.raises(TableError, match="may be one column with decimal commas or two"):
                read_table("two.csv")
    (folder / "two.csv").write_text("amplitude (pA),row\n10,1\n28,2\n0,3\n")
    assert read_table("two.csv").numbers("amplitude").tolist() == [10, 28, 0]
    for header, numbers in (
        ("response no,amplitude (pA)", (1, 2)),
        ("stimulus no.,amplitude (pA)", (1, 2, 1, 2)),
        ("index,amplitude (pA)", (3, 4, 8)),
        ('"cell","amplitude (pA)"', (7, 2, 5)),
        ("Ca (mM),amplitude (pA)", (2, 1, 2)),
    ):
        (folder / "two.csv").write_text(header + "".join(f"\n{number},12" for number in numbers))
        assert read_table("two.csv").numbers("amplitude").tolist() == [12] * len(numbers)
    (folder / "two.csv").write_text("amplitude (pA),dose (1) [a],dose (1) [b]\n12.5,1,2\n13.5,1,2\n")
    assert len(read_table("two.csv").columns) == 3


def test_what_a_workbook_shows_is_what_is_read_or_said(folder):
    openpyxl = pytest.importorskip("openpyxl")

    def saved(change):
        book = openpyxl.Workbook()
        for row in ("amplitude (pA)", 1.5, 2.5, 3.5):
            book.active.append([row])
        change(book.active)
        book.save("w.xlsx")
        return read_table("w.xlsx")

    table = saved(lambda sheet: setattr(sheet.row_dimensions[3], "hidden", True))
    assert table.numbers("amplitude").tolist() == [1.5, 2.5, 3.5]
    assert "1 hidden row read like the others" in table.remarks
    table = saved(lambda sheet: sheet.merge_cells("A2:A3"))
    assert "merged cells A2:A3: the same in every row" in table.remarks
    with pytest.raises(TableError, match="cell A3 is shown in percent"):
        saved(lambda sheet: setattr(sheet["A3"], "number_format", "0.0%"))
    with pytest.raises(TableError, match="cell A5: a formula without its value"):
        saved(lambda sheet: sheet.append(["=AVERAGE(A2:A4)"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"amplitude (pA)": "-1.234"}, {"amplitude (pA)": -987}]', "'-1.234' beside whole numbers may"),
        (
            '[{"amplitude (pA)": 1, "cell": 2}, {"amplitude (pA)": 3, "cell": 2.0}]',
            "'2.0' is the same number",
        ),
        (
            '[{"amplitude (pA)": 1, "cell": "1 mM"}, {"amplitude (pA)": 3, "cell": "1mM"}]',
            "by case or spaces",
        ),
    ],
)
def test_what_may_be_another_number_or_label_is_refused(folder, content, message):
    (folder / "a.json").write_text(content)
    with pytest.raises(TableError, match=message):
        recorded_synapses(read_table("a.json"))


def test_lines_that_begin_with_a_hash_below_the_header_are_counted(folder):
    (folder / "h.csv").write_text("# rig 2\nsynapse,amplitude (pA)\n#1,-1.5\n#1,-2.5\nb,-3.5\n")
    table = read_table("h.csv")
    assert table.columns["synapse"] == ["b"]
    assert table.remarks == ["left out 2 comments (#) below the header"]
    for content in ('"#x"\n', '"#x",1\n"#y",2\n'):
        (folder / "h.csv").write_text(content)
        with pytest.raises(TableError, match="empty"):
            read_table("h.csv")
    (folder / "large.json").write_text(f'[{{"amplitude (pA)": {10**400}}}, {{"amplitude (pA)": 1}}]')
    with pytest.raises(TableError, match="is no number"):
        recorded_synapses(read_table("large.json"))


def test_decimals_beside_whole_numbers_are_no_thousands(folder):
    for numbers in (["1.234", "12.5", "7"], ["0.125", "1.125", "3"], ["1.234", "2.345", "3.456"]):
        (folder / "d.csv").write_text("nr;amplitude (pA)\n" + "".join(f"1;{x}\n" for x in numbers))
        np.testing.assert_array_equal(read_table("d.csv").numbers("amplitude"), [float(x) for x in numbers])


def test_a_row_of_units_may_have_dashes_and_empty_amplitudes_are_counted(folder):
    rows = "".join(f"a,{i},{'' if i == 3 else v}\n" for i, v in enumerate(ROWS))
    (folder / "u.csv").write_text("cell,note,amplitude\n-,-,pA\n" + rows)
    table = read_table("u.csv")
    (synapse,) = recorded_synapses(table)
    assert synapse.arguments["amplitudes"][0].dimensionality.string == "pA"
    remarks = "; ".join(table.remarks)
    assert "1 empty amplitude as not measured (of failures write" in remarks
    assert "columns not used: note (call one synapse or sweep if it tells them apart" in remarks


def test_few_failures_written_as_zero_are_pointed_out():
    rng = np.random.default_rng(3)
    x = -12 * rng.binomial(4, 0.4, 60) + rng.normal(0, 2, 60)
    for values, is_said in ((np.where(x > -5, 0.0, x), True), (x, False), (x.round(), False)):
        (fit,) = fit_releases([values.round(2) * pq.pA], n=4)
        assert any("failures written as 0" in text for text in fit.diagnostics["warnings"]) == is_said


@pytest.mark.parametrize(
    ("column", "remedy"),
    [
        ("SEM (mV)", "'sem': multiply standard errors by the root of the number of responses"),
        ("std. error (mV)", "'std. error': multiply standard errors"),
        ("CV", "'cv': multiply coefficients of variation by the means"),
        ("sigma2 (mV^2)", "'sigma2': take the root of the variances"),
    ],
)
def test_what_is_no_standard_deviation_is_told_how_to_become_one(folder, capsys, column, remedy):
    (folder / "c.csv").write_text(f"mean (mV),{column},cost (1)\n1,1,1\n1,2,3\n1,3,2\n")
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 2 and f"no column 'sd', but {remedy}" in text, text
