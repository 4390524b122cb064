"""Finding, checking and downloading data sets; downloads come from a server on this machine."""

import gzip
import hashlib
import http.server
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from validation.data import datastore
from validation.data.data_sets import DataFile, DataSet
from validation.data.datastore import DataSetCorrupt, DataSetMissing

CONTENT = {"digits.gz": bytes(range(256)) * 2000, "table.csv": b"mean,var\n1,2\n"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stored(name: str, content: bytes) -> bytes:
    """Return the bytes that a file of this name holds for `content`."""
    return gzip.compress(content, compresslevel=1) if name.endswith(".gz") else content


def put(folder: Path, contents: dict[str, bytes] = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(stored(name, content))
    return folder


@pytest.fixture
def toy(monkeypatch, tmp_path) -> DataSet:
    """Register one data set of two files and mirrors, and point both folders below `tmp_path`."""
    files = tuple(
        DataFile(name, sha256(content), (f"https://first.invalid/{name}", f"https://second.invalid/{name}"))
        for name, content in CONTENT.items()
    )
    toy = DataSet("toy", "toys", files, "CC0", "nobody")
    monkeypatch.setattr(datastore, "DATA_SETS", {"toy": toy})
    monkeypatch.setattr(datastore, "_VERIFIED", {})
    monkeypatch.setattr(datastore, "_UNREACHABLE_SINCE", {})
    monkeypatch.setenv(datastore.DATA_VARIABLE, str(tmp_path / "given"))
    monkeypatch.setenv(datastore.CACHE_VARIABLE, str(tmp_path / "cache"))
    return toy


class Mirrors:
    """Stands for the mirrors: bytes by URL, an error to raise, or nothing; counts what was asked for."""

    def __init__(self, served: dict[str, bytes | Exception]) -> None:
        self.served, self.asked = served, []

    def __call__(self, url, path, progress):
        self.asked.append(url)
        found = self.served.get(url, OSError("404"))
        if isinstance(found, Exception):
            path.write_bytes(b"half a fi")
            raise found
        path.write_bytes(found)
        progress(path.name, len(found), len(found))


def good_mirrors(host: str = "first") -> Mirrors:
    return Mirrors({f"https://{host}.invalid/{name}": stored(name, c) for name, c in CONTENT.items()})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestRegistry:
    def test_holds_the_data_sets_with_their_files(self):
        n_files = {name: len(data_set.files) for name, data_set in datastore.DATA_SETS.items()}
        expected = {"mnist": 4, "fashion_mnist": 4, "sjostrom2001": 2, "ko2013": 1}
        assert n_files == expected | {"gontier2023": 21, "allen_synapses": 1}

    def test_every_public_file_has_at_least_two_mirrors_on_different_hosts(self):
        for data_set in datastore.DATA_SETS.values():
            assert data_set.obtain or all(file.urls for file in data_set.files)
            for file in () if data_set.obtain else data_set.files:
                assert len({url.split("/")[2] for url in file.urls}) >= 2, file.name

    def test_every_url_ends_in_the_name_of_its_file(self):
        files = [file for data_set in datastore.DATA_SETS.values() for file in data_set.files]
        assert all(url.endswith("/" + file.name) for file in files for url in file.urls)

    def test_a_url_without_https_is_refused(self):
        with pytest.raises(ValueError, match=r"https only, got http://a\.b"):
            DataFile("f", "0" * 64, ("https://a.b/f", "http://a.b/f"))

    @pytest.mark.parametrize("sha", ["0" * 63, "G" * 64, "A" * 64])
    def test_something_that_is_no_sha256_is_refused(self, sha):
        with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
            DataFile("f", sha, ())

    def test_what_is_downloaded_needs_a_hash_and_what_is_named_stays_below_the_folder(self):
        with pytest.raises(ValueError, match="f: a file that is downloaded needs the sha256"):
            DataFile("f", urls=("https://a.b/f",))
        for folder, name in (("../x", "f"), ("/x", "f"), ("x", "../f"), ("x", ""), ("", "f")):
            with pytest.raises(ValueError, match="must be a path below the folder of the data"):
                DataSet("mine", folder, (DataFile(name),))

    @pytest.mark.parametrize("function", [datastore.locate, datastore.fetch, datastore.data_set_named])
    def test_an_unknown_name_lists_the_known_ones(self, function):
        with pytest.raises(ValueError, match=r"name must be one of mnist, fashion.*got 'mnits'"):
            function("mnits")


class TestFolders:
    @pytest.mark.parametrize("value", ["", "   "])
    def test_an_empty_variable_counts_as_unset(self, monkeypatch, value):
        monkeypatch.setenv(datastore.DATA_VARIABLE, value)
        assert datastore.data_folders() == []

    def test_the_users_home_is_understood(self, monkeypatch):
        monkeypatch.setenv(datastore.DATA_VARIABLE, "~/data")
        assert datastore.data_folders() == [Path.home() / "data"]

    def test_without_a_variable_the_cache_is_the_operating_systems(self, monkeypatch):
        pooch = pytest.importorskip("pooch")
        monkeypatch.delenv(datastore.CACHE_VARIABLE, raising=False)
        assert datastore.cache_folder() == Path(pooch.os_cache("brianpresyn"))

    def test_without_pooch_and_variable_there_is_no_cache_and_the_message_says_so(self, monkeypatch, toy):
        monkeypatch.setitem(__import__("sys").modules, "pooch", None)
        monkeypatch.delenv(datastore.CACHE_VARIABLE)
        assert datastore.cache_folder() is None
        with pytest.raises(DataSetMissing, match=r"install pooch \(pip install 'brianpresyn\[data\]'\)"):
            datastore.locate("toy")


class TestLocate:
    def test_the_given_folder_comes_before_the_cache(self, toy, tmp_path):
        put(tmp_path / "cache" / "toys")
        given = put(tmp_path / "given" / "toys")
        assert datastore.locate("toy", downloader=Mirrors({})) == given

    def test_the_cache_is_used_where_the_given_folder_lacks_a_file(self, toy, tmp_path):
        put(tmp_path / "given" / "toys", {"table.csv": CONTENT["table.csv"]})
        cached = put(tmp_path / "cache" / "toys")
        mirrors = Mirrors({})
        assert datastore.locate("toy", downloader=mirrors) == cached
        assert mirrors.asked == []

    def test_what_is_nowhere_is_downloaded_into_the_cache(self, toy, tmp_path):
        folder = datastore.locate("toy", downloader=good_mirrors())
        assert folder == tmp_path / "cache" / "toys"
        assert (folder / "table.csv").read_bytes() == CONTENT["table.csv"]
        assert gzip.decompress((folder / "digits.gz").read_bytes()) == CONTENT["digits.gz"]

    def test_nothing_is_downloaded_when_that_is_not_wanted(self, toy, tmp_path):
        mirrors = good_mirrors()
        with pytest.raises(DataSetMissing, match="brianpresyn data fetch toy"):
            datastore.locate("toy", download=False, downloader=mirrors)
        assert mirrors.asked == []
        assert not (tmp_path / "cache").exists()

    def test_the_message_says_where_it_looked_and_what_to_do(self, toy, tmp_path):
        put(tmp_path / "cache" / "toys", {"table.csv": CONTENT["table.csv"]})
        with pytest.raises(DataSetMissing) as caught:
            datastore.locate("toy", downloader=Mirrors({}))
        message = str(caught.value)
        assert f"{tmp_path / 'given'} does not exist" in message
        assert f"{tmp_path / 'cache' / 'toys'} lacks digits.gz" in message
        assert "https://second.invalid/digits.gz: 404" in message
        assert "set BRIANPRESYN_DATA to a folder whose subfolder toys holds digits.gz, table.csv" in message

    def test_the_compressed_bytes_may_differ(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys")
        (given / "digits.gz").write_bytes(gzip.compress(CONTENT["digits.gz"], compresslevel=9, mtime=5))
        assert datastore.locate("toy", downloader=Mirrors({})) == given

    def test_wrong_content_names_file_both_hashes_and_remedy(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys", {**CONTENT, "table.csv": b"mean,var\n1,3\n"})
        with pytest.raises(DataSetCorrupt, match="replace that file, or unset BRIANPRESYN_DATA") as caught:
            datastore.locate("toy", downloader=good_mirrors())
        assert caught.value.file == given / "table.csv"
        assert caught.value.expected == sha256(CONTENT["table.csv"])
        assert caught.value.found == sha256(b"mean,var\n1,3\n")
        for part in (str(given / "table.csv"), caught.value.expected, caught.value.found):
            assert part in str(caught.value)

    def test_wrong_content_in_the_cache_advises_to_fetch_again(self, toy, tmp_path):
        put(tmp_path / "cache" / "toys", {**CONTENT, "digits.gz": b"other"})
        with pytest.raises(DataSetCorrupt, match="run `brianpresyn data fetch toy`"):
            datastore.locate("toy", downloader=good_mirrors())

    @pytest.mark.parametrize("n_bytes", [0, 5, 40, -1, -9])
    def test_a_truncated_gzip_file_is_corrupt(self, toy, tmp_path, n_bytes):
        given = put(tmp_path / "given" / "toys")
        whole = (given / "digits.gz").read_bytes()
        (given / "digits.gz").write_bytes(whole[:n_bytes])
        with pytest.raises(DataSetCorrupt, match=r"digits\.gz has the wrong content"):
            datastore.locate("toy", downloader=good_mirrors())

    def test_a_file_that_is_no_gzip_is_corrupt(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys")
        (given / "digits.gz").write_bytes(CONTENT["digits.gz"])
        with pytest.raises(DataSetCorrupt, match="an unreadable file"):
            datastore.locate("toy", downloader=good_mirrors())

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(position=st.integers(0, len(CONTENT["table.csv"]) - 1), flip=st.integers(1, 255))
    def test_any_changed_byte_is_noticed(self, toy, tmp_path, position, flip):
        given_folder = put(tmp_path / "given" / "toys")
        changed = bytearray(CONTENT["table.csv"])
        changed[position] ^= flip
        # A file of the same size written in the same tick is taken for the same: start each example afresh.
        datastore._VERIFIED.clear()
        (given_folder / "table.csv").write_bytes(changed)
        with pytest.raises(DataSetCorrupt):
            datastore.locate("toy", download=False)

    def test_content_is_hashed_once_in_a_process_and_again_after_a_change(self, toy, tmp_path, monkeypatch):
        given = put(tmp_path / "given" / "toys")
        hashed = []
        original = datastore.content_sha256
        monkeypatch.setattr(datastore, "content_sha256", lambda path: hashed.append(path) or original(path))
        datastore.locate("toy")
        datastore.locate("toy")
        assert len(hashed) == 2
        (given / "table.csv").write_bytes(b"mean,var\n1,2\n3,4\n")
        with pytest.raises(DataSetCorrupt):
            datastore.locate("toy")
        assert len(hashed) > 2


class TestWithoutUrl:
    @pytest.fixture
    def mine(self, toy, monkeypatch):
        mine = DataSet("mine", "mine", (DataFile("cells.csv"),), obtain="ask the lab for it")
        monkeypatch.setattr(datastore, "DATA_SETS", {"mine": mine})
        return mine

    def test_it_is_found_with_whatever_content(self, mine, tmp_path):
        for content in (b"1", b"2"):
            put(tmp_path / "given" / "mine", {"cells.csv": content})
            assert datastore.locate("mine") == tmp_path / "given" / "mine"
        assert not datastore.status()[0].problem

    @pytest.mark.parametrize("function", [datastore.locate, datastore.fetch])
    def test_nothing_is_downloaded_and_the_message_says_how_to_get_it(self, mine, function):
        mirrors = Mirrors({})
        with pytest.raises(DataSetMissing, match=r"not downloaded: ask the lab for it\. Set"):
            function("mine", downloader=mirrors)
        assert mirrors.asked == []


def test_several_folders_are_looked_in_in_their_order(toy, tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv(datastore.DATA_VARIABLE, os.pathsep.join([str(first), "", f" {second} "]))
    with pytest.raises(DataSetMissing, match=r"first does not exist; .*second does not exist"):
        datastore.locate("toy", download=False)
    put(second / "toys")
    assert datastore.locate("toy") == second / "toys"
    put(first / "toys", {"table.csv": CONTENT["table.csv"]})
    assert datastore.locate("toy") == second / "toys"
    put(first / "toys")
    assert datastore.locate("toy") == first / "toys"
    put(second / "toys", {**CONTENT, "table.csv": b"other"})
    (first / "toys" / "table.csv").unlink()
    with pytest.raises(DataSetCorrupt, match="replace that file, or unset BRIANPRESYN_DATA"):
        datastore.fetch("toy", downloader=good_mirrors())


class TestFetch:
    def test_the_second_mirror_serves_where_the_first_fails(self, toy, tmp_path):
        mirrors = good_mirrors("second")
        folder = datastore.fetch("toy", downloader=mirrors)
        assert names_in(folder) == ["digits.gz", "table.csv"]
        assert mirrors.asked[:2] == ["https://first.invalid/digits.gz", "https://second.invalid/digits.gz"]

    def test_a_mirror_with_other_content_is_passed_over(self, toy):
        mirrors = good_mirrors("second")
        mirrors.served["https://first.invalid/table.csv"] = b"<html>moved</html>"
        folder = datastore.fetch("toy", downloader=mirrors)
        assert (folder / "table.csv").read_bytes() == CONTENT["table.csv"]

    def test_wrong_content_everywhere_is_corrupt_and_leaves_nothing(self, toy, tmp_path):
        mirrors = Mirrors({f"https://{h}.invalid/digits.gz": b"<html>" for h in ("first", "second")})
        with pytest.raises(DataSetCorrupt, match=r"downloaded from https://second\.invalid/digits\.gz"):
            datastore.fetch("toy", downloader=mirrors)
        assert names_in(tmp_path / "cache" / "toys") == []

    @pytest.mark.parametrize("error", [OSError("cut off"), KeyboardInterrupt(), RuntimeError("crash")])
    def test_a_download_that_is_cut_off_leaves_nothing(self, toy, tmp_path, error):
        def cut_off(url, path, progress):
            path.write_bytes(b"half a fi")
            raise error

        with pytest.raises((DataSetMissing, KeyboardInterrupt, RuntimeError)):
            datastore.fetch("toy", downloader=cut_off)
        assert names_in(tmp_path / "cache" / "toys") == []

    def test_files_that_are_there_already_are_not_downloaded_again(self, toy, tmp_path):
        put(tmp_path / "cache" / "toys", {"digits.gz": CONTENT["digits.gz"]})
        mirrors = good_mirrors()
        datastore.fetch("toy", downloader=mirrors)
        assert mirrors.asked == ["https://first.invalid/table.csv"]

    def test_a_data_set_that_is_there_is_returned_as_it_is(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys")
        mirrors = Mirrors({})
        assert datastore.fetch("toy", downloader=mirrors) == given
        assert mirrors.asked == []

    def test_wrong_content_in_the_cache_is_replaced(self, toy, tmp_path):
        cached = put(tmp_path / "cache" / "toys", {**CONTENT, "table.csv": b"other"})
        assert datastore.fetch("toy", downloader=good_mirrors()) == cached
        assert (cached / "table.csv").read_bytes() == CONTENT["table.csv"]

    def test_wrong_content_in_the_users_own_folder_is_reported_and_left(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys", {**CONTENT, "table.csv": b"other"})
        with pytest.raises(DataSetCorrupt, match="replace that file, or unset BRIANPRESYN_DATA"):
            datastore.fetch("toy", downloader=good_mirrors())
        assert (given / "table.csv").read_bytes() == b"other"

    def test_a_cache_that_cannot_be_written_is_named(self, toy, tmp_path, monkeypatch):
        (tmp_path / "cache").write_text("a file where the folder should be")
        with pytest.raises(DataSetMissing, match=r"the cache cannot be written: .*; set BRIANPRESYN_CACHE"):
            datastore.fetch("toy", downloader=good_mirrors())

    def test_progress_names_the_file_and_counts_its_bytes(self, toy):
        seen = []
        datastore.fetch("toy", downloader=good_mirrors(), progress=lambda *step: seen.append(step[1:]))
        n_bytes = [len(stored(name, content)) for name, content in CONTENT.items()]
        assert seen == [(n, n) for n in n_bytes]

    def test_many_writers_at_once_leave_one_whole_copy(self, toy, tmp_path):
        with ThreadPoolExecutor(8) as pool:
            folders = list(pool.map(lambda _: datastore.fetch("toy", downloader=good_mirrors()), range(16)))
        assert set(folders) == {tmp_path / "cache" / "toys"}
        assert names_in(folders[0]) == ["digits.gz", "table.csv"]
        assert datastore.content_sha256(folders[0] / "digits.gz") == sha256(CONTENT["digits.gz"])

    def test_without_pooch_the_message_says_how_to_install_it(self, toy, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pooch", None)
        with pytest.raises(
            DataSetMissing, match=r"downloading needs pooch: pip install 'brianpresyn\[data\]'"
        ):
            datastore.fetch("toy")


class TestStatus:
    def test_present(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys")
        (row,) = datastore.status()
        assert (row.name, row.path, row.problem) == ("toy", given, "")
        assert row.size == sum(len(stored(name, content)) for name, content in CONTENT.items())

    def test_absent(self, toy):
        (row,) = datastore.status()
        assert row.problem and (row.path, row.size) == (None, 0)
        assert "given does not exist" in row.problem

    def test_absent_from_a_folder_that_exists(self, toy, tmp_path):
        (tmp_path / "given" / "toys").mkdir(parents=True)
        (tmp_path / "cache").mkdir()
        (row,) = datastore.status()
        assert row.problem == (
            f"{tmp_path / 'given' / 'toys'} lacks digits.gz, table.csv; "
            f"{tmp_path / 'cache' / 'toys'} does not exist"
        )

    def test_wrong_content(self, toy, tmp_path):
        given = put(tmp_path / "given" / "toys", {**CONTENT, "table.csv": b"other"})
        (row,) = datastore.status()
        assert row.problem and row.path == given
        assert "table.csv has the wrong content" in row.problem


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves what its server holds; a path below /short promises more than it sends."""

    def do_GET(self):
        self.server.asked.append(self.path)
        name = self.path.rsplit("/", 1)[-1]
        content = self.server.served.get(name)
        self.send_response(404 if content is None else 200)
        body = content or b""
        self.send_header("Content-Length", str(len(body) + (10 if self.path.startswith("/short") else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    served.served, served.asked = {name: stored(name, c) for name, c in CONTENT.items()}, []
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


def through(server, prefix: str = ""):
    """Return pooch's downloader with every https host replaced by `server`."""
    pytest.importorskip("pooch")

    def download(url, path, progress):
        address = f"http://127.0.0.1:{server.server_address[1]}{prefix}/{url.rsplit('/', 1)[-1]}"
        datastore.download_with_pooch(address, path, progress)

    return download


class TestDownloadWithPooch:
    def test_a_data_set_arrives_whole_and_progress_ends_at_its_size(self, toy, server):
        seen = []
        folder = datastore.fetch("toy", downloader=through(server), progress=lambda *step: seen.append(step))
        assert datastore.content_sha256(folder / "digits.gz") == sha256(CONTENT["digits.gz"])
        assert all(0 < n_arrived <= n_bytes for _, n_arrived, n_bytes in seen)
        assert {name: (n_arrived, n_bytes) for name, n_arrived, n_bytes in seen} == {
            name: (len(stored(name, content)),) * 2 for name, content in CONTENT.items()
        }

    def test_a_missing_file_is_an_error_that_names_the_status(self, toy, server):
        server.served.clear()
        with pytest.raises(DataSetMissing, match="404"):
            datastore.fetch("toy", downloader=through(server))

    def test_a_connection_cut_short_does_not_count(self, toy, server, tmp_path):
        with pytest.raises((DataSetMissing, DataSetCorrupt)):
            datastore.fetch("toy", downloader=through(server, prefix="/short"))
        assert names_in(tmp_path / "cache" / "toys") == []

    def test_an_unreachable_host_is_not_asked_again_at_once(self, toy, server, monkeypatch):
        pytest.importorskip("pooch")
        asked = []

        def no_network(url, path, progress):
            asked.append(url)
            datastore.download_with_pooch("http://127.0.0.1:1/f", path, progress)

        resting = datastore._resting(no_network)
        for _ in range(3):
            with pytest.raises(DataSetMissing, match="no connection to"):
                datastore.locate("toy", downloader=resting)
        assert asked == ["https://first.invalid/digits.gz", "https://second.invalid/digits.gz"]
        monkeypatch.setattr(datastore, "REST_AFTER_FAILURE", 0.0)
        with pytest.raises(DataSetMissing):
            datastore.locate("toy", downloader=resting)
        assert len(asked) == 4


@pytest.mark.data
@pytest.mark.parametrize("name", list(datastore.DATA_SETS))
def test_the_data_sets_of_this_machine_have_the_registered_content(name):
    try:
        folder = datastore.locate(name, download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    for file in datastore.DATA_SETS[name].files:
        assert not file.sha256 or datastore.content_sha256(folder / file.name) == file.sha256
