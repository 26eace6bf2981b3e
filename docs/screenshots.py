"""Draws the screenshots in docs/pictures anew, in Debian's Chromium: python docs/screenshots.py."""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from onebyone.demos.answer import INPUT, example
from onebyone.figures import explain

PICTURES = Path(__file__).parent / "pictures"
FORMS = {"convolution": "shared", "local": "local", "dense": "dense"}
MLPCONV = "#o=3&h=4&w=5&k=3x3&p=1x1&m=4x2&mlp=1&pin=h7"


def save(page: Page, name: str, top: str | None, bottom: str) -> None:
    """Write the page from one element, or its top, to the end of another."""
    first = page.locator(top).bounding_box()["y"] - 12 if top else 0
    box = page.locator(bottom).bounding_box()
    clip = {"x": 0, "y": first, "width": 1180, "height": box["y"] + box["height"] + 8 - first}
    image = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
    image.convert("RGB").quantize(128).save(PICTURES / name, optimize=True)


with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
    path = Path(folder) / "page.html"
    explain(example(), INPUT).save(path)
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    for name, fragment in [(name, f"#form={form}") for name, form in FORMS.items()] + [
        ("mlpconv", MLPCONV)
    ]:
        page = browser.new_page(viewport={"width": 1180, "height": 900}, color_scheme="light")
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        if name == "mlpconv":
            save(page, "mlpconv.png", "#mlpconv", "#mlpconv")
        else:
            save(page, f"form-{name}.png", None, "#grids")
    browser.close()
