"""Make the bundled page of digits: `python -m onebyone.demos.make_page [FOLDER]`."""

import json
import sys
from pathlib import Path

from PIL import Image

from onebyone.nin import held_out_page

DATA = Path(__file__).parent / "data"


def make_page(folder: Path) -> None:
    """Write the page as digits.png and its true lines as digits.json into a folder."""
    page = held_out_page()
    Image.fromarray(page.image).save(folder / "digits.png", optimize=True)
    text = json.dumps({"lines": page.text}, indent=2) + "\n"
    (folder / "digits.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make_page(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
