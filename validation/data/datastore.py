"""Where data sets live: ``BRIANPRESYN_DATA``, else the user's cache, else a download from the public source.

A file counts only if the sha256 of its *uncompressed* content is the registered one: mirrors compress the
same content differently.
"""

import contextlib
import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from biophys.argument_types import check_choice, checked_types
from biophys.data_folders import DATA_VARIABLE, data_folders
from biophys.plugins import load_plugins
from biophys.whole_files import arriving
from validation.data.data_sets import DATA_SETS, DataFile, DataSet

CACHE_VARIABLE = "BRIANPRESYN_CACHE"
"""Environment variable that replaces the operating system's cache folder."""

CONNECT_TIMEOUT = 4.0
"""Seconds to wait for a mirror to answer, so that a machine without network is told at once."""

READ_TIMEOUT = 20.0
"""Seconds to wait for the next bytes of a download."""

REST_AFTER_FAILURE = 60.0
"""Seconds during which `locate` does not ask an unreachable host again."""

_CHUNK = 1 << 20

_Read = TypeVar("_Read")

Progress = Callable[[str, int, int], None]
"""Called with the file's name, the bytes that have arrived and the bytes in all (0 where unknown)."""

Downloader = Callable[[str, Path, Progress], None]
"""Called with a URL, the file to write and what to report progress to."""


class DataSetMissing(LookupError):
    """A data set is neither on this machine nor could it be downloaded."""


class DataSetCorrupt(ValueError):
    """A file has other content than the registered one: it says which, what was found, and what to do."""

    def __init__(self, file: Path, expected: str, found: str, remedy: str) -> None:
        super().__init__(f"{file} has the wrong content: expected sha256 {expected}, found {found}; {remedy}")
        self.file, self.expected, self.found, self.remedy = file, expected, found, remedy


def at_hand(read: Callable[[], _Read]) -> _Read | None:
    """Return what is read from a data set; None where its files are missing or have other content."""
    try:
        return read()
    except (DataSetMissing, DataSetCorrupt):
        return None


class _Unreachable(OSError):
    """A host could not be connected to at all."""


@dataclass(frozen=True)
class DataSetStatus:
    """Where one data set is on this machine: its folder, if any, and the bytes of its files."""

    name: str
    path: Path | None
    size: int
    problem: str
    """Why it is not there with the registered content; empty if it is."""


def data_set_named(name: str) -> DataSet:
    """Return the data set that is registered with this name, by a plugin too; ValueError without one.

    >>> data_set_named("mnist").licence
    'CC BY-SA 3.0'
    """
    if name not in DATA_SETS:
        load_plugins()
    check_choice(name, DATA_SETS, "name")
    return DATA_SETS[name]


def cache_folder() -> Path | None:
    """Return the folder that downloads go to; None if only pooch would know it and it is not installed."""
    value = os.environ.get(CACHE_VARIABLE, "").strip()
    if value:
        return Path(value).expanduser()
    with contextlib.suppress(ImportError):
        import pooch

        return Path(pooch.os_cache("brianpresyn"))
    return None


def status() -> list[DataSetStatus]:
    """Return where every data set, of plugins too, is on this machine; nothing is downloaded."""
    load_plugins()
    rows = []
    for data_set in DATA_SETS.values():
        try:
            folder = _valid_folder(data_set)
            problem = "" if folder else "; ".join(_where_it_is_not(data_set))
        except DataSetCorrupt as corrupt:
            folder, problem = corrupt.file.parent, str(corrupt)
        paths = [folder / file.name for file in data_set.files] if folder else []
        size = sum(path.stat().st_size for path in paths if path.is_file())
        rows.append(DataSetStatus(data_set.name, folder, size, problem))
    return rows


@checked_types
def locate(name: str, *, download: bool = True, downloader: Downloader | None = None) -> Path:
    """Return the folder that holds the files of a data set, each with the registered content.

    Parameters
    ----------
    name : one of `DATA_SETS`, else a ValueError
    download, downloader
        Whether to download it into the cache if it is nowhere on this machine, and by what; by default pooch.

    Raises
    ------
    DataSetMissing : if it is not on this machine and was not downloaded; the message says what to do
    DataSetCorrupt : if a file has the wrong content
    """
    data_set = data_set_named(name)
    if (folder := _valid_folder(data_set)) is not None:
        return folder
    if not download or not _is_public(data_set):
        raise DataSetMissing(_missing_message(data_set, ()))
    return _download(data_set, downloader or _resting(download_with_pooch), lambda *_: None)


@checked_types
def fetch(name: str, *, progress: Progress | None = None, downloader: Downloader | None = None) -> Path:
    """Download a data set into the cache, unless it is on this machine already, and return its folder.

    A file in the cache with the wrong content is replaced; one below `BRIANPRESYN_DATA` is the user's own and
    is reported instead.

    Parameters
    ----------
    name, downloader : as of `locate`
    progress : called with the file's name, the bytes that have arrived and the bytes in all (0 where unknown)

    Raises
    ------
    DataSetMissing : if no mirror delivered a file, or the cache cannot be written
    DataSetCorrupt : if the mirrors, or the folder `BRIANPRESYN_DATA`, hold a file with the wrong content
    """
    data_set = data_set_named(name)
    try:
        folder = _valid_folder(data_set)
    except DataSetCorrupt as corrupt:
        if _is_given(corrupt.file):
            raise
        folder = None
    return folder or _download(data_set, downloader or download_with_pooch, progress or (lambda *_: None))


# Looking on this machine


def _valid_folder(data_set: DataSet) -> Path | None:
    """Return the first folder that holds every file; raise DataSetCorrupt if one has the wrong content."""
    for root in filter(None, [*data_folders(), cache_folder()]):
        folder = root / data_set.folder
        if not _absent_files(data_set, folder):
            remedy = f"run `brianpresyn data fetch {data_set.name}` to download it again"
            if _is_given(folder):
                remedy = f"replace that file, or unset {DATA_VARIABLE} to use the cache"
            for file in data_set.files:
                _verify(folder / file.name, file, remedy)
            return folder
    return None


def _absent_files(data_set: DataSet, folder: Path) -> list[str]:
    return [file.name for file in data_set.files if not (folder / file.name).is_file()]


def _is_given(path: Path) -> bool:
    """Return whether `path` lies below a folder that `BRIANPRESYN_DATA` names."""
    return any(path.is_relative_to(folder) for folder in data_folders())


def _where_it_is_not(data_set: DataSet) -> list[str]:
    """Return, for each place that was looked in, why the data set was not found there."""
    roots, reasons = data_folders(), []
    if not roots:
        reasons.append(f"{DATA_VARIABLE} is not set")
    if _is_public(data_set) and (cache := cache_folder()) is not None:
        roots = [*roots, cache]
    for root in roots:
        folder = root / data_set.folder
        lacking = next((place for place in (root, folder) if not place.is_dir()), None)
        absent = f"{folder} lacks {', '.join(_absent_files(data_set, folder))}"
        reasons.append(absent if lacking is None else f"{lacking} does not exist")
    if _is_public(data_set) and cache_folder() is None:
        reasons.append(f"no cache: install pooch (pip install 'brianpresyn[data]') or set {CACHE_VARIABLE}")
    return reasons


def _missing_message(data_set: DataSet, failures: tuple[str, ...]) -> str:
    reasons = "; ".join([*_where_it_is_not(data_set), *failures])
    files = ", ".join(file.name for file in data_set.files)
    how = f"It is not downloaded{': ' * bool(data_set.obtain)}{data_set.obtain}. Set"
    if _is_public(data_set):
        how = f"Run `brianpresyn data fetch {data_set.name}` where there is a network, or set"
    return (
        f"data set {data_set.name!r} was not found ({reasons}). {how} {DATA_VARIABLE} to a folder whose "
        f"subfolder {data_set.folder} holds {files}"
    )


def _is_public(data_set: DataSet) -> bool:
    return all(file.urls for file in data_set.files)


# Checking content

_VERIFIED: dict[tuple[str, int, int], str] = {}
"""Hashes found in this process, by path, size and time of change: hashing MNIST takes part of a second."""


def content_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, uncompressed if its name ends in ``.gz``.

    OSError, EOFError or zlib.error says that it cannot be read or is no complete gzip file.
    """
    digest = hashlib.sha256()
    with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _verify(path: Path, file: DataFile, remedy: str) -> None:
    """Raise DataSetCorrupt unless the file at `path` has the registered content, if one is registered."""
    if not file.sha256:
        return
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns)
    if key not in _VERIFIED:
        try:
            _VERIFIED[key] = content_sha256(path)
        except (OSError, EOFError, zlib.error) as error:
            raise DataSetCorrupt(path, file.sha256, f"an unreadable file ({error})", remedy) from error
    if _VERIFIED[key] != file.sha256:
        raise DataSetCorrupt(path, file.sha256, _VERIFIED[key], remedy)


# Downloading


def _download(data_set: DataSet, downloader: Downloader, progress: Progress) -> Path:
    """Download every file that the cache lacks or holds with the wrong content."""
    cache = cache_folder()
    if cache is None or not _is_public(data_set):
        raise DataSetMissing(_missing_message(data_set, ()))
    folder = cache / data_set.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        unwritable = f"the cache cannot be written: {error}; set {CACHE_VARIABLE} to a folder that can"
        raise DataSetMissing(_missing_message(data_set, (unwritable,))) from error
    for file in data_set.files:
        try:
            _verify(folder / file.name, file, "")
        except (OSError, DataSetCorrupt):
            _download_file(data_set, file, folder, downloader, progress)
    return folder


def _download_file(
    data_set: DataSet, file: DataFile, folder: Path, downloader: Downloader, progress: Progress
) -> None:
    """Put the file into `folder` from the first mirror that delivers the registered content."""
    failures: list[str] = []
    corrupt: DataSetCorrupt | None = None
    for url in file.urls:
        try:
            with arriving(folder / file.name) as part:
                downloader(url, part, progress)
                _verify(part, file, f"downloaded from {url}: try again later")
            return
        except DataSetCorrupt as error:
            corrupt = DataSetCorrupt(folder / file.name, error.expected, error.found, error.remedy)
        except _Unreachable as error:
            failures.append(str(error))
        except OSError as error:
            failures.append(f"{url}: {error}")
        except ImportError as error:
            raise DataSetMissing(_missing_message(data_set, (str(error),))) from error
    if corrupt is not None:
        raise corrupt
    raise DataSetMissing(_missing_message(data_set, tuple(failures)))


def download_with_pooch(url: str, path: Path, progress: Progress) -> None:
    """Download `url` to `path`; ImportError says that pooch is lacking, OSError that the download failed."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError("downloading needs pooch: pip install 'brianpresyn[data]'") from error
    import requests

    bar = _PoochProgress(urlsplit(url).path.rsplit("/", 1)[-1], progress)
    fetch_url = pooch.HTTPDownloader(
        progressbar=bar,
        chunk_size=_CHUNK,
        timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        # A body compressed for the transfer would be unpacked on arrival, gzip files with it.
        headers={"Accept-Encoding": "identity"},
    )
    try:
        fetch_url(url, str(path), None)
    except requests.exceptions.ConnectionError as error:
        raise _Unreachable(f"no connection to {urlsplit(url).netloc} ({type(error).__name__})") from error


class _PoochProgress:
    """What pooch calls a progress bar, handing the numbers on."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress = name, progress
        self.total, self.n_arrived = 0, 0

    def update(self, n_bytes: int) -> None:
        # Pooch counts whole chunks, the last one too, so its sum can exceed the total.
        self.n_arrived += n_bytes
        self.progress(self.name, min(self.n_arrived, self.total or self.n_arrived), self.total)

    def reset(self) -> None:
        # Pooch ends a download by resetting the bar and updating it by the total.
        self.n_arrived = 0

    def close(self) -> None:
        pass


_UNREACHABLE_SINCE: dict[str, float] = {}
"""When a host was last found unreachable, by its name (seconds of the monotonic clock)."""


def _resting(downloader: Downloader) -> Downloader:
    """Return `downloader`, but refusing at once what was unreachable a moment ago.

    A report asks for several data sets; without a network it waits for each host once, not once for each.
    """

    def download(url: str, path: Path, progress: Progress) -> None:
        host = urlsplit(url).netloc
        if time.monotonic() - _UNREACHABLE_SINCE.get(host, -float("inf")) < REST_AFTER_FAILURE:
            raise _Unreachable(f"no connection to {host} a moment ago")
        try:
            downloader(url, path, progress)
        except _Unreachable:
            _UNREACHABLE_SINCE[host] = time.monotonic()
            raise

    return download
