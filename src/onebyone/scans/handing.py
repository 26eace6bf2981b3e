"""Handing a job to workers in other processes: by a file in the map's folder.

Every worker writes to that folder, so it can read there, whatever runs it and however late it
comes. A worker loads only what has the digest that its call names: what somebody else puts there is
not run.
"""

import pickle
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from onebyone.errors import InputError
from onebyone.scans.durable import write

_NAME = ".job"


@dataclass(frozen=True)
class Handed:
    """A call of a job that lies in a file.

    Attributes:
        path: of the file.
        digest: of what it holds.
    """

    path: Path
    digest: str

    def __call__(self, number: int) -> Any:
        """Run a tile of the job.

        Raises:
            InputError: the file is gone, or another.
        """
        return _job(self.path, self.digest).run(number)

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def hand(job: Any, folder: Path) -> Handed:
    """Write a job into a folder, for workers to load."""
    content = _pickled(job)
    digest = sha256(content).hexdigest()
    path = folder / f"{_NAME}-{digest[:16]}"
    write(path, content)
    return Handed(path, digest)


def _pickled(job: Any) -> bytes:
    try:
        import cloudpickle
    except ImportError:
        return pickle.dumps(job)
    content: bytes = cloudpickle.dumps(job)  # modules that are defined in a notebook, too
    return content


@lru_cache(maxsize=2)
def _job(path: Path, digest: str) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: a worker cannot read the scan's job ({error})") from error
    if sha256(content).hexdigest() != digest:
        raise InputError(f"{path}: is not the job of this scan")
    return pickle.loads(content)
