"""Files are written whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from onebyone.errors import InputError
from onebyone.writing import check_target, replacing


def test_the_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "map.npz"
    path.write_text("before")
    with replacing(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert [*tmp_path.iterdir()] == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "map.npz"
    path.write_text("before")

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]


KILLED = """
import sys
from onebyone.writing import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_no_half_written_file(tmp_path):
    path = tmp_path / "map.npz"
    path.write_text("before")
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert path.read_text() == "before"


def test_targets_that_cannot_be_written_are_found_beforehand(tmp_path):
    check_target(tmp_path / "map.npz")
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(InputError, match="is a folder"):
        check_target(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        check_target(tmp_path / "absent" / "map.npz")


def test_a_folder_that_refuses_files(tmp_path, monkeypatch):
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("onebyone.writing.TemporaryFile", refuse)
    with pytest.raises(InputError, match="cannot be written \\(Permission denied\\)"):
        check_target(tmp_path / "map.npz")
