"""Settings that all tests share."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# What networks were captured as on this machine must not enter, and nothing is left behind.
os.environ["ONEBYONE_CACHE"] = "0"

CHROMIUM = Path("/usr/bin/chromium")

# Drawn cases are the same on every run, so that a red CI is red on everybody's machine.
COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("ci", max_examples=40, derandomize=True, database=None, **COMMON)
settings.register_profile("search", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run side by side, one thread each: tiny tensors gain nothing from more."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Weights and images are the same on every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium; without it page tests are skipped, in CI they fail."""
    if not CHROMIUM.exists() and shutil.which("chromium") is None:
        reason = "no chromium: apt install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        path = str(CHROMIUM) if CHROMIUM.exists() else shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
