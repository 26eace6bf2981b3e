"""Networks drawn and written for tests share all they can."""

from collections.abc import Iterator

import pytest
import torch

from onebyone.windows import target
from onebyone.windows.costs import Costs

# Here costs are as they are.
REAL_COSTS = ("test_costs", "test_families")


@pytest.fixture(autouse=True)
def sharing_pays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count operations alone: joins would end sharing at once in networks of a few channels."""
    if not request.module.__name__.endswith(REAL_COSTS):
        monkeypatch.setattr(target, "known_costs", lambda: Costs(written=1, joined=0))


@pytest.fixture
def two_threads() -> Iterator[None]:
    """PyTorch divides operators over two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
