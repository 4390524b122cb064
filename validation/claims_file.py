"""Files of claims: read by one schema, grown, and written together with their page or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, StrictFloat, StrictInt, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from biophys.argument_types import checked_types
from biophys.whole_files import arriving_together
from validation.registry import all_claims


@with_config(ConfigDict(extra="allow", strict=True))
class StoredMeasurement(TypedDict):
    """One row of ``claims.json``; later versions may add to it."""

    claim: str
    rendering: str
    quantity: str
    condition: dict[str, str | bool | int | float | None]
    measured: StrictInt | StrictFloat | None
    verdict: str
    published: NotRequired[str | StrictInt | StrictFloat | None]
    interval: NotRequired[Annotated[list[StrictInt | StrictFloat], Field(min_length=2, max_length=2)] | None]
    n: NotRequired[int | None]


@with_config(ConfigDict(extra="allow", strict=True))
class StoredClaim(TypedDict):
    """One claim of ``claims.json``."""

    claim: str
    verdict: NotRequired[str]


@with_config(ConfigDict(extra="allow", strict=True))
class StoredClaims(TypedDict):
    """The content of ``claims.json``."""

    measurements: list[StoredMeasurement]
    claims: NotRequired[list[StoredClaim]]
    provenance: NotRequired[dict[str, Any]]


_SCHEMA = TypeAdapter(StoredClaims)


@checked_types
def read_claims(
    path: Path | str, remedy: str = "give the claims.json that an earlier validate wrote"
) -> dict[str, Any]:
    """Return the content of a file of claims.

    Raises ValueError if the file cannot be read or is something else; the message names row, field and the
    remedy given.
    """
    try:
        # A pipe may wait for ever, and a device go on.
        if Path(path).exists() and not Path(path).is_file():
            raise OSError(0, "no regular file")
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path} ({error.strerror}): {remedy}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): {remedy}") from error
    return checked_claims(document, f"{path} is no file of claims", remedy)


def checked_claims(document: Any, problem: str, remedy: str) -> dict[str, Any]:
    """Return what has the form of ``claims.json``; otherwise say in which row and field it has not."""
    try:
        _SCHEMA.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        row = " ".join(map(str, first["loc"])) or "the whole"
        raise ValueError(f"{problem} ({row}: {first['msg']}): {remedy}") from error
    return document


def collected_claims(path: Path) -> dict[str, Any]:
    """Return a file of collected claims, all of which there are; an empty one if it does not exist."""
    if not path.exists():
        return {"claims": [], "measurements": []}
    collected = read_claims(path, "move it away")
    collected.setdefault("claims", [])
    names = {row["claim"] for row in (*collected["claims"], *collected["measurements"])}
    if unknown := names - set(all_claims()):
        raise ValueError(f"{path} holds unknown claims {', '.join(sorted(unknown))}: move it away")
    return collected


@checked_types
def merge_claims(path: Path | str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Enter the claims of `document` into the file of collected claims and return what it then holds.

    What was measured of a claim before is replaced, rendering by rendering, with the provenance of the run;
    renderings of which nothing was measured this time leave what is there.

    Raises ValueError if the file is not a collection of claims, or `document` has another form.

    Parameters
    ----------
    path : the file to grow, in the form of ``claims.json``; made if it does not exist
    document : what `validation.report.claims_document` returned
    """
    path = Path(path)
    checked_claims(dict(document), "document is no claims.json", "give what read_claims returned")
    old = collected_claims(path)
    fresh = [m for m in document["measurements"] if m["measured"] is not None]
    replaced = {(m["claim"], m["rendering"]) for m in fresh}
    kept = [m for m in old["measurements"] if (m["claim"], m["rendering"]) not in replaced]
    measured = {claim for claim, _ in replaced}
    described = {row["claim"]: row for row in old["claims"]}
    for row in document["claims"]:
        if row["claim"] in measured:
            described[row["claim"]] = {**row, "provenance": document["provenance"]}
    order = list(all_claims())
    merged = {
        "claims": sorted(described.values(), key=lambda row: order.index(row["claim"])),
        "measurements": sorted([*kept, *fresh], key=lambda m: order.index(m["claim"])),
    }
    write_together({path: as_text(merged)})
    return merged


def as_text(document: Mapping[str, Any]) -> str:
    """Return the text of a file of claims."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write_together(texts: Mapping[Path, str]) -> None:
    """Write several files, none of which takes its place before all are on the disk: all or none."""
    try:
        with arriving_together(list(texts)) as parts:
            for part, text in zip(parts, texts.values(), strict=True):
                part.write_text(text, encoding="utf-8")
    except OSError as error:
        names, folder = " and ".join(path.name for path in texts), next(iter(texts)).parent
        reason = error.strerror or str(error)
        text = f"cannot write {names} into {folder} ({reason}): make room there"
        raise OSError(error.errno, text) from error
