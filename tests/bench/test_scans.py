"""The benchmark of scans on small images: what it makes, what it compares, what it writes down."""

import json

import numpy as np
import pytest
import tifffile
import torch
import zarr
from torch import nn

from onebyone.bench import cases, scan_cases, scan_images
from onebyone.bench.cases import chosen
from onebyone.bench.machine import Machine
from onebyone.bench.results import Results
from onebyone.bench.scan_cases import SCANS, ScanCase
from onebyone.bench.scan_results import ScanResult
from onebyone.bench.scan_run import run_scan
from onebyone.bench.scan_table import scan_markdown, scan_notes
from onebyone.cli import main
from onebyone.errors import InputError


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3)]
    return nn.Sequential(*layers).eval()


def tiny(kind: str = "jpeg") -> ScanCase:
    return ScanCase("tiny", network, (1, 9, 9), 4, kind, 300, True)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_the_same_in_both_formats(tmp_path, channels):
    scan_images.write_image("zarr", tmp_path / "a.zarr", 600, channels)
    scan_images.write_image("jpeg", tmp_path / "a.tif", 600, channels)
    exact = zarr.open_array(tmp_path / "a.zarr", mode="r")[:]
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        levels = [level.asarray() for level in file.series[0].levels]
    assert [level.shape[:2] for level in levels] == [(600, 600), (300, 300), (150, 150)]
    lossy = levels[0].reshape(600, 600, channels).transpose(2, 0, 1).astype(float)
    assert np.abs(lossy - exact).mean() < 8
    assert exact.std() > 20
    assert len(np.unique(exact[:, :50, :50])) > 20  # noise, so that it packs as real images do


def test_a_block_is_the_same_whatever_is_around_it():
    tissue = scan_images.Tissue(3)
    whole = tissue.block(0, 0, 700, 600)
    np.testing.assert_array_equal(tissue.block(130, 77, 300, 411), whole[130:430, 77:488])


@pytest.mark.parametrize("kind", ["jpeg", "zarr"])
def test_scanning_is_held_against_sliding(tmp_path, kind):
    threads = torch.get_num_threads()
    found = run_scan(tiny(kind), tmp_path, rounds=2, threads=1)
    assert torch.get_num_threads() == threads
    assert not found.skipped
    assert found.windows == 73**2
    assert len(found.slide) == len(found.scan) == 2
    assert found.difference < 1e-5
    assert found.reading + found.computing + found.writing == pytest.approx(1)
    assert found.ratio == np.median(found.scan) / np.median(found.slide)


def test_what_cannot_be_measured_says_why(tmp_path):
    def missing() -> nn.Module:
        raise InputError("no such package")

    case = ScanCase("none", missing, (1, 9, 9), 4, "jpeg", 300, True)
    found = run_scan(case, tmp_path, rounds=1, threads=1)
    assert scan_notes([found]) == ["scan-jpeg-none-300-s4: no such package"]
    assert "- scan-jpeg-none-300-s4: no such package" in scan_markdown([found])


def test_scans_run_only_where_they_are_asked_for():
    assert not chosen(None, quick=True)[1]
    assert not chosen("digits", quick=False)[1]
    found, scans = chosen("scan", quick=True)
    assert not found
    assert {case.side for case in scans} == {2_000, 2_048}
    assert {case.kind for case in chosen("scan-zarr", quick=False)[1]} == {"zarr"}
    assert len({case.name for case in SCANS}) == len(SCANS)


def test_results_survive_json_and_become_a_table():
    one = ScanResult("scan-a", 1, 100, (10.0, 20.0), (9.0, 18.0), 0.2, 0.7, 0.1, 2**20, 1e-6)
    results = Results("2026-01-01", "x", Machine("p", 2, "2", "3", 1e9), 2, (), (one,))
    assert Results.from_json(results.to_json()) == results
    assert "| scan-a | 100 | 1 | 15 | 14 | 0.90 | 20% | 70% | 10% | 1 MiB | 1.0e-06 |" in (
        scan_markdown([one])
    )


def test_the_command_measures_scans(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for module in (cases, scan_cases):
        monkeypatch.setattr(module, "SCANS", (tiny(),))
    assert main(["bench", "--list"]) == 0
    assert "scan-jpeg-tiny-300-s4  quick" in capsys.readouterr().out
    assert main(["bench", "--case", "scan", "--quick", "--rounds", "1"]) == 0
    assert "of scanning, over those of" in " ".join(capsys.readouterr().out.split())
    assert main(["bench", "--case", "scan", "--quick", "--rounds", "1", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["scans"]
    assert found["name"] == "scan-jpeg-tiny-300-s4"
    assert not list(tmp_path.iterdir())
    assert main(["bench", "--case", "scan", "--quick", "--save", "a.md"]) == 2
    assert "no place for scans" in capsys.readouterr().err
