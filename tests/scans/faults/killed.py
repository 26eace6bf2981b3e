"""A process that runs scans in children of its own, and kills them: it imports PyTorch once."""

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import onebyone as ob
from helpers import scan_runs
from onebyone.scans.running import _Running

PHASES = "scan", "pyramid", "export"
KILLS = int(sys.argv[2])


def main(folder: Path) -> None:  # noqa: PLR0915 - one story
    scan_runs.small_tiles(side=40, coarsest=16)
    sliding, picture = scan_runs.sliding_model(), scan_runs.picture()

    def work(target: Path, report: int, overwrite: bool) -> None:
        levels = _Running.levels

        def marked(self, workers):
            os.write(report, b"p")
            levels(self, workers)

        _Running.levels = marked
        os.write(report, b"s")
        ob.scan(picture, sliding, target, executor=2, resume=not overwrite, overwrite=overwrite)
        os.write(report, b"e")
        ob.export(target, target.with_suffix(".tif"))

    def begin(target: Path, overwrite: bool) -> tuple[int, int]:
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                work(target, writes, overwrite)
                status = 0
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        os.close(writes)
        return pid, reads

    def told(reads: int, seconds: float) -> bytes:
        ready, _, _ = select.select([reads], [], [], seconds)
        return os.read(reads, 1) if ready else b"-"

    pid, reads = begin(folder / "plain.zarr", False)
    moments = [time.monotonic()]
    while told(reads, 60):
        moments.append(time.monotonic())
    assert os.waitpid(pid, 0)[1] == 0
    moments = [*moments[1:], time.monotonic()]
    lasting = {name: b - a for name, (a, b) in zip(PHASES, pairwise(moments), strict=True)}
    chance, target = random.Random(0), folder / "map.zarr"
    kills, finished, overwrite = dict.fromkeys(PHASES, 0), 0, False
    while sum(kills.values()) < KILLS or overwrite is False:
        phase = chance.choice(PHASES)
        enough = sum(kills.values()) >= KILLS
        pid, reads = begin(target, overwrite)
        seen, wanted = b"", phase[0].encode()
        while seen not in (wanted, b"") or (enough and seen):
            seen = told(reads, 60)
        time.sleep(chance.uniform(0, lasting[phase]))
        os.kill(pid, signal.SIGKILL)
        os.close(reads)
        status = os.waitpid(pid, 0)[1]
        overwrite = status == 0  # then the next begins again
        if overwrite:
            finished += 1
            same = scan_runs.digests(target) == scan_runs.digests(folder / "plain.zarr")
            exported = (folder / "map.tif").read_bytes() == (folder / "plain.tif").read_bytes()
            assert same, "the map differs"
            assert exported, "the export differs"
            assert not list(folder.glob(".map.zarr*")), "something is left beside"
            (folder / "map.tif").unlink()
        else:
            assert os.WIFSIGNALED(status), "a scan failed"
            kills[phase] += 1
    shutil.rmtree(target)
    print(json.dumps({"kills": kills, "finished": finished}))


main(Path(sys.argv[1]))
