"""What a measurement runs in: its size, its seed, and where finished experiments lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from biophys.progress import Progress, ignore_progress


@dataclass(frozen=True)
class Context:
    """What a measuring function is given.

    Parameters
    ----------
    profile
        ``"quick"`` (seconds to a minute, embedded or small data) or ``"full"`` (the paper's own size).
    seed
        The one seed from which the function makes its generators.
    device
        Torch device of the rate models.
    results
        Folder of finished full-size experiments (`validation.archive`); those found there are not run again.
    keep
        Folder in which full-size results of this command are kept, and found when it is started again; None
        to keep none.
    report_progress
        Call with (fraction done in 0..1, what is being done).
    """

    profile: str = "quick"
    seed: int = 2021
    device: str = "cpu"
    results: Path | None = None
    keep: Path | None = None
    report_progress: Progress = ignore_progress

    @property
    def is_quick(self) -> bool:
        """Whether the profile is the small one."""
        return self.profile == "quick"
