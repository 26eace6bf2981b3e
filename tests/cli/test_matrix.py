import json

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from onebyone.cli import main


def test_the_example(capsys):
    assert main(["matrix", "conv(2,1,1)", "--input", "2,2,2"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "4×8 matrix, 8 connections, 2 distinct weights"
    assert [row.split().count("·") for row in rows] == [6] * 4


def test_json_rebuilds_the_matrix(capsys):
    words = ["matrix", "conv1d(2,2,3,padding=1,groups=2)", "--input", "2,4", "--json"]
    assert main([*words, "--order", "channels_last"]) == 0
    fields = json.loads(capsys.readouterr().out)
    m = csr_array((fields["data"], fields["indices"], fields["indptr"]), shape=fields["shape"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv = torch.nn.Conv1d(2, 2, 3, padding=1, groups=2)
    x = torch.arange(8.0).reshape(2, 4)
    expected = conv(x).T.flatten().detach().numpy()
    np.testing.assert_allclose(m @ x.T.flatten().numpy() + fields["bias"], expected, atol=1e-5)
    assert fields["connections"] == [[True, False], [False, True]]
    assert len(set(fields["sharing"])) == 6


def test_too_wide_for_the_terminal(capsys):
    assert main(["matrix", "conv3d(2,2,2)", "--input", "2,4,4,4"]) == 0
    assert "too large to print" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["conv(2,1,1)", "--input", "2"], "conv takes channels and 1 to 3 axes"),
        (["conv(2,1,1)", "--input", "2,2,2", "--order", "rows"], "'--order': 'rows' is not one of"),
        (["linear(8,4)", "--input", "2,2,2", "--output", "1,2,3"], "has 4 outputs"),
        (["conv(64,64,3)", "--input", "64,224,224", "--json"], "would take"),
        (["conv(2,1,1)"], "--input"),
        (["conv(2,1,1)", "--input", "2,9999999999,9999999999"], "more values than 64 bits"),
        (["conv(2,1,1)", "--input", "2,-2,2"], "all positive"),
        (["conv(2,1,9)", "--input", "2,2,2"], "larger than the padded input"),
        (["conv(3,2,1,groups=2)", "--input", "3,2,2"], "divisible by groups"),
        (["conv(99999999999,99999999999,3)", "--input", "2,2,2"], "cannot be built"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(words, message, capsys):
    assert main(["matrix", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
