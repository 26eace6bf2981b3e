"""Reading the lesson: its figures' numbers, and the data that they are computed from."""

import numpy as np
import torch

from helpers.picture import show

READ_SHEETS = """() => [...document.querySelectorAll("#stage .sheet")].map(sheet => [
    sheet.closest(".panel")?.querySelector("h3").textContent ?? "",
    sheet.querySelector(".label").textContent,
    [...sheet.querySelectorAll("[data-value]")].map(cell => Number(cell.dataset.value))])"""
READ_COMPARISON = """() => [...document.querySelectorAll("#stage .comparison tr")].map(row =>
    [...row.querySelectorAll("td")].map(cell => Number(cell.dataset.value)))"""


def sheets(page) -> dict[tuple[str, str], list[float]]:
    """The numbers of each grid, by its panel and its name."""
    return {(panel, name): values for panel, name, values in page.evaluate(READ_SHEETS)}


def comparison(page) -> list[list[float]]:
    """The numbers that are said to be equal or not, and nothing else."""
    return page.evaluate(READ_COMPARISON)


def verdict(page) -> str:
    return page.locator("#stage .comparison .verdict").inner_text()


def data(page, module: str, name: str):
    """A constant of one of the page's modules."""
    return page.evaluate("async ([module, name]) => (await import(module))[name]", [module, name])


def image(page) -> torch.Tensor:
    return torch.tensor(data(page, "lesson/numbers", "IMAGE"), dtype=torch.float64)


def grid(values, *shape) -> np.ndarray:
    return np.array(values).reshape(shape)


def turn(page, fragment: str) -> None:
    """Follow a link within the page."""
    if page.evaluate("location.hash.slice(1)") != fragment:
        show(page, fragment)
