"""The public data sets that claims are measured on: their files, hashes, sources and licences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Parameters
    ----------
    name : its name in the data set's folder; a name ending in ``.gz`` is a gzip file
    sha256 : of the uncompressed content; empty for a file that still changes, which is then taken as it is
    urls : where it can be downloaded, in the order to try; https only. None for a file that is not public.
    """

    name: str
    sha256: str = ""
    urls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.urls and not self.sha256:
            raise ValueError(f"{self.name}: a file that is downloaded needs the sha256 of its content")
        if self.sha256 and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"sha256 must be 64 lower-case hexadecimal digits, got {self.sha256!r}")
        insecure = [url for url in self.urls if not url.startswith("https://")]
        if insecure:
            raise ValueError(f"data are downloaded over https only, got {insecure[0]}")


@dataclass(frozen=True)
class DataSet:
    """A data set and where it comes from.

    Parameters
    ----------
    name, folder, files
        What users call it, and its folder below `BRIANPRESYN_DATA` and the cache: ValueError if that leads
        out of them.
    licence, citation, obtain : terms, what to cite, and how to get it if it cannot be downloaded
    """

    name: str
    folder: str
    files: tuple[DataFile, ...]
    licence: str = ""
    citation: str = ""
    obtain: str = ""

    def __post_init__(self) -> None:
        names = [self.folder, *(file.name for file in self.files)]
        for name in names:
            if not name or Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"{self.name}: {name!r} must be a path below the folder of the data")


def _idx_files(hashes: Mapping[str, str], mirrors: tuple[str, ...]) -> tuple[DataFile, ...]:
    """Return the gzip files of an MNIST-like data set, which every mirror holds under the same names."""
    return tuple(
        DataFile(f"{name}.gz", sha256, tuple(f"{mirror}{name}.gz" for mirror in mirrors))
        for name, sha256 in hashes.items()
    )


def _file_on_github(repository: str, commit: str, folder: str, name: str, sha256: str) -> DataFile:
    mirrors = (
        f"https://raw.githubusercontent.com/{repository}/{commit}/{folder}/",
        f"https://cdn.jsdelivr.net/gh/{repository}@{commit}/{folder}/",
    )
    return DataFile(name, sha256, tuple(f"{mirror}{name}" for mirror in mirrors))


_recorded_file = partial(
    _file_on_github,
    "JamesMalkin/EfficientBayes",
    "6a0b408f10455a92acb8d649b7760bb560b3c741",
    "data-fig6",
)


_MNIST = DataSet(
    "mnist",
    "mnist",
    _idx_files(
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "CC BY-SA 3.0",
    "LeCun Y, Cortes C, Burges CJC. The MNIST database of handwritten digits. 1998.",
)

_FASHION_MNIST = DataSet(
    "fashion_mnist",
    "fashion_mnist",
    _idx_files(
        {
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        (
            # The authors' own bucket is served over plain http only.
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
    ),
    "MIT",
    "Xiao H, Rasul K, Vollgraf R. Fashion-MNIST: a novel image dataset for benchmarking machine learning "
    "algorithms. arXiv:1708.07747, 2017.",
)

_SJOSTROM2001 = DataSet(
    "sjostrom2001",
    "recorded",
    (
        _recorded_file(
            "Sjostrom2001_LTP_schug.csv", "ae3da9dc8b01421e82fe4674bf6c9a9c8f5aa557783c3620e085e38a216a94b2"
        ),
        _recorded_file(
            "Sjostrom2001_LTD_schug.csv", "3da733da7fe92ccf8c3532e0c73ae0d968a3c5870b8615dc7af24db5ac721483"
        ),
    ),
    "CC BY 4.0",
    "Sjöström PJ, Turrigiano GG, Nelson SB. Neuron 32:1149-1164, 2001; published with Costa RP, Froemke RC, "
    "Sjöström PJ, van Rossum MCW. eLife 4:e09457, 2015 (doi:10.5061/dryad.p286g).",
)

_KO2013 = DataSet(
    "ko2013",
    "recorded",
    (_recorded_file("ko2013", "321ffbe87ee6d0558a19837f7e5c867dfa6b797c312897924121d8107cc95277"),),
    "CC BY 4.0",
    "Ko H, Cossell L, Baragli C, Antolik J, Clopath C, Hofer SB, Mrsic-Flogel TD. Nature 496:96-100, 2013.",
)

_GONTIER2023 = DataSet(
    "gontier2023",
    "recorded/gontier2023",
    tuple(
        _file_on_github(
            "camillegontier/data_analysis_ESBBAL",
            "365d80ff8cbf21392af5c9ef3b1855f980b11b59",
            "Fig6/Data",
            name,
            sha256,
        )
        for name, sha256 in {
            "100Hz_long_cell1.txt": "7173026ae8de10dd4dd9ed0887fe340f3ac793ffc636eab1386c9cf4a1dcda66",
            "100Hz_long_cell2.txt": "54fc65ce0a6cadc95a488689b0f63b3a2cd925cf042a52b7eadb31588d8cc590",
            "100Hz_long_cell3.txt": "4718239dec6058c3fe8457c28e22867b1ebf1bcc05d4c332853fa2e16694dfab",
            "100Hz_long_cell4.txt": "3b95756c5849a501fc082edaacc15b9d0e369d683bfd6b0d080329f50eeb0d25",
            "100Hz_long_cell5.txt": "9d8e142d359790ef1a7ff5bb1eb0f56b8c45cae0bab8147eccb9e951bb1461d8",
            "100Hz_long_cell6.txt": "6cd1a8cd9ba88e281a19cb31e26e52ec8aceb14c428058178491de4dc3fd401f",
            "100Hz_long_cell7.txt": "07315ad4ab9d2ced2ac962eca62c3363436854c9b4a175bcb75198f3808549e2",
            "100Hz_short_cell1.txt": "14b6ec74a425296693893015dc8a0e907733a80d9171fad4681c9d57661e59b5",
            "100Hz_short_cell2.txt": "5afbfb98d67ae918deba0d1724d36628594a38774ff436937026222f0aab7b7a",
            "100Hz_short_cell3.txt": "3bf317724c26b2e234b1a80f3fde96db5ce3c7a382d8fda230b200485eb3d9ba",
            "100Hz_short_cell4.txt": "cf65d6f88a6973bdaa129dd638496282db993df688752bc4157e68575aa374d5",
            "100Hz_short_cell5.txt": "1d36f52919e379ac8bd15cd099c40c666ef078516fc1274f05a6c5dfdb1e9d41",
            "100Hz_short_cell6.txt": "5f246ae2a9c8479e87a211c2c3de467b5d31043049e45bfe0281cbd5a3cd6e40",
            "100Hz_short_cell7.txt": "5324b66bda3395fff4263306d5c5df6f01d93179bca558249ee7b7880f5f2173",
            "epscs_deltas_cell01.txt": "3a93b63b75f13a883b79e8e3d8b1e7c5d81441bc296c694fb02ce58c07d25620",
            "epscs_deltas_cell02.txt": "00eab9170ab49be08936e620d72a04541774c82a72ed88978e08ea7d7fe01e94",
            "epscs_deltas_cell03.txt": "0d25784f27ed2404b26039f50c680e0e553363d005ff872da5d48df24d426afa",
            "epscs_deltas_cell04.txt": "a99741a10d68945e34f5531fcfcc33eb9d86375455df3c4a20688d011c97a98b",
            "epscs_deltas_cell05.txt": "7e5859177f5c04779481a2df4934ca473f690b6ebfea55a8048adc09f4aee847",
            "epscs_deltas_cell06.txt": "fbf0b230245ecf4b4d715b44787191ebafd1bda9c66d13e685df367d0180ab69",
            "epscs_deltas_cell07.txt": "6c63dfee04ecc0d991a551bdc4c979b8b69cec2d11f704307870d3c9131c448b",
        }.items()
    ),
    "MIT",
    "Gontier C, Surace SC, Delvendahl I, Müller M, Pfister J-P. PLoS Comput Biol 19:e1011342, 2023 "
    "(doi:10.1371/journal.pcbi.1011342).",
)

_ALLEN = DataSet(
    "allen_synapses",
    "allen",
    (DataFile("synphys_r2.1_small.sqlite"),),
    "Allen Institute terms of use: no commercial redistribution",
    "Campagnola L et al. Science 375:eabj5861, 2022 (doi:10.1126/science.abj5861).",
    obtain="the terms of the Allen Institute ask that you get it yourself, from "
    "https://portal.brain-map.org/connectivity/synaptic-physiology",
)

_DATA_SETS: dict[str, DataSet] = {}

DATA_SETS: Mapping[str, DataSet] = MappingProxyType(_DATA_SETS)
"""Every registered data set by its name."""


def registered(*data_sets: DataSet) -> None:
    """Enter data sets, of one's own too, so that claims, readers and ``brianpresyn data`` know them.

    Raises ValueError if another data set has the same name.

    >>> registered(DataSet("mnist", "mine", (DataFile("a.csv"),)))
    Traceback (most recent call last):
    ...
    ValueError: there is another data set 'mnist': give this one another name
    """
    for data_set in data_sets:
        if _DATA_SETS.setdefault(data_set.name, data_set) != data_set:
            raise ValueError(f"there is another data set {data_set.name!r}: give this one another name")


registered(_MNIST, _FASHION_MNIST, _SJOSTROM2001, _KO2013, _GONTIER2023, _ALLEN)
