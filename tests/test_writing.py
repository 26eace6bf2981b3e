"""Files are written whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from onebyone.errors import InputError
from onebyone.writing import check_target, is_same, replacing


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


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def private(path):
    """Write as some libraries do: into a file that only its owner may read."""
    path.unlink()
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(tmp_path, umask):
    path = tmp_path / "map.npz"
    with replacing(path) as temporary:
        private(temporary)
    assert mode(path) == 0o640
    path.chmod(0o664)
    with replacing(path) as temporary:
        private(temporary)
    assert mode(path) == 0o664


def test_links_are_followed(tmp_path):
    target = tmp_path / "elsewhere" / "map.npz"
    target.parent.mkdir()
    link = tmp_path / "link.npz"
    link.symlink_to(Path("elsewhere", "map.npz"))
    for content in ("new", "newer"):  # first the link leads to nothing
        check_target(link)
        with replacing(link) as temporary:
            assert temporary.parent == target.parent
            temporary.write_text(content)
        assert link.is_symlink()
        assert target.read_text() == content
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("check", [check_target, lambda path: replacing(path).__enter__()])
def test_only_files_are_written(tmp_path, check):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "folder").mkdir()
    for name, reason in [
        ("pipe", "is a device or a pipe"),
        ("device", "is a device or a pipe"),
        ("a", "leads to no file"),
        ("x\0", "leads to no file"),
        ("folder", "is a folder"),
    ]:
        with pytest.raises(InputError, match=reason):
            check(tmp_path / name)
    assert Path("/dev/null").is_char_device()


def test_a_file_that_may_not_be_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "map.npz"
    path.write_text("before")
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, _: bool(mode(path) & 0o222))  # root may anything
    with pytest.raises(InputError, match=r"map\.npz: is read-only"):
        check_target(path)
    assert path.read_text() == "before"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left on device"),
            r"\[Errno 28\] No space left on device: '.*map.npz'",
        ),
        (OSError("1000 requested and 800 written"), "map.npz: cannot be written .1000 requested"),
        (FileNotFoundError(2, "No such file or directory", "in.npz"), "directory: 'in.npz'"),
    ],
)
def test_an_error_names_the_file_that_it_is_about(tmp_path, error, said):
    with pytest.raises(OSError, match=said), replacing(tmp_path / "map.npz"):
        raise error
    assert [*tmp_path.iterdir()] == []


def test_long_names(tmp_path):
    path = tmp_path / ("x" * 250 + ".npz")
    with replacing(path) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"
    with pytest.raises(OSError, match="File name too long"):
        check_target(tmp_path / ("x" * 300 + ".npz"))


def test_a_file_that_is_read_is_no_target(tmp_path):
    path, link = tmp_path / "map.npz", tmp_path / "link.npz"
    check_target(path, [path])  # it is not there
    path.touch()
    link.symlink_to(path)
    check_target(path, [tmp_path, tmp_path / "other.npz", "x" * 300, "\0"])
    for read in (path, link, f"{tmp_path}/../{tmp_path.name}/map.npz"):
        with pytest.raises(InputError, match=r"map\.npz: is a file that is read"):
            check_target(path, [read])


def test_whether_two_names_are_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_same("new", tmp_path / "new")
    assert not is_same("new", "newer")
    Path("new").touch()
    os.link("new", "hard")
    assert is_same("new", "hard")
    assert not is_same("new", ".")
