"""Handing a job to workers in other processes: by a file in the map's folder.

Every worker writes to that folder, so it can read there, whatever runs it and however late it
comes. A worker loads only what has the digest that its call names: what somebody else puts there is
not run.
"""

import pickle
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from onebyone.errors import InputError, first_line
from onebyone.scans.allocating import keep_freed_memory
from onebyone.scans.driving import Unfit
from onebyone.scans.durable import PARTIAL, write

_NAME = ".job"


@dataclass(frozen=True)
class Handed:
    """A call of a job that lies in a file.

    Attributes:
        path: of the file.
        digest: of what it holds.
        version: of onebyone that it is of.
    """

    path: Path
    digest: str
    version: str

    def __call__(self, number: int) -> Any:
        """Run a tile of the job.

        Raises:
            Unfit: the file is another, or this onebyone is.
            OSError: it cannot be read.
        """
        return _job(self).run(number)

    def close(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def hand(job: Any, folder: Path) -> Handed:
    """Write a job into a folder, for workers to load.

    Raises:
        InputError: a part of it cannot leave this process.
        OSError: it cannot be written.
    """
    content = _pickled(job)
    digest = sha256(content).hexdigest()
    path = folder.absolute() / f"{_NAME}-{digest[:16]}{PARTIAL}"  # swept where this is killed
    write(path, content)
    return Handed(path, digest, version("onebyone"))


def _pickled(job: Any) -> bytes:
    try:
        from cloudpickle import dumps  # modules that are defined in a notebook, too
    except ImportError:
        from pickle import dumps
    try:
        content: bytes = dumps(job)
    except Exception as error:  # pickling raises errors of any kind
        raise InputError(
            f"the network or the image cannot be given to other processes ({first_line(error)}); "
            "use threads"
        ) from error
    return content


@lru_cache(maxsize=2)
def _job(handed: Handed) -> Any:
    here = version("onebyone")
    if here != handed.version:
        raise Unfit(f"a worker has onebyone {here}; the scan is of {handed.version}")
    path = handed.path
    try:
        content = path.read_bytes()
    except OSError as error:
        message = "a worker cannot read the scan's job: it needs the map's folder"
        raise OSError(error.errno, f"{error.strerror}; {message}", str(path)) from error
    if sha256(content).hexdigest() != handed.digest:
        raise Unfit(f"{path}: is not the job of this scan")
    keep_freed_memory()
    return pickle.loads(content)
