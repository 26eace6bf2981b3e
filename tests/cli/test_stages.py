"""What a terminal shows of a long command, and what a pipe does not."""

import io
import sys

import pytest

from onebyone.cli.stages import stages


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run():
    with stages() as stage:
        stage.begin("loading")
        stage.begin("running")
        stage.tell(0.37)


def test_a_terminal_shows_the_stage_and_how_much_is_done(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    run()
    assert "running" in shown.getvalue()
    assert "37%" in shown.getvalue()


@pytest.mark.filterwarnings("error")
def test_elsewhere_nothing_is_shown(capsys):
    run()
    assert capsys.readouterr() == ("", "")


def test_what_shows_its_own_progress_has_the_terminal_for_itself(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with stages() as stage:
        stage.begin("loading")
        with stage.hidden(True):
            before = len(shown.getvalue())
            print("its own", file=sys.stderr)
            assert shown.getvalue()[before:] == "its own\n"
        stage.begin("running")
    assert "running" in shown.getvalue()[before:]
