"""What a measurement runs in: its size, its seed, and where finished experiments lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from biophys.argument_types import Seed, checked_types
from biophys.progress import Progress, ignore_progress


@checked_types
@dataclass(frozen=True)
class Context:
    """What a measuring function is given.

    Raises TypeError or ValueError if a value is of another type, `profile` is unknown or `seed` is negative.

    Parameters
    ----------
    profile : ``"quick"`` (seconds to a minute, embedded or small data) or ``"full"`` (the paper's own size)
    seed : the one seed from which the function makes its generators
    device : Torch device of the rate models
    results, keep
        Folder of finished full-size experiments (`validation.archive`), which are not run again, and that in
        which those of this command are kept, and found when it is started again; None for none.
    report_progress : call with (fraction done in 0..1, what is being done)
    """

    profile: Literal["quick", "full"] = "quick"
    seed: Seed = 2021
    device: str = "cpu"
    results: Path | None = None
    keep: Path | None = None
    report_progress: Progress = ignore_progress

    @property
    def is_quick(self) -> bool:
        """Whether the profile is the small one."""
        return self.profile == "quick"

    def rng(self) -> np.random.Generator:
        """Return a new generator, always at the start of the stream of the seed."""
        return np.random.default_rng(self.seed)
