"""A still picture as SVG text; what it says is escaped by the writer."""

from xml.etree import ElementTree

from onebyone.figures.canvas import Canvas, Dot, Length, Polygon, Rect, Shape, Text, Wire

SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def to_svg(canvas: Canvas) -> str:
    """Return a picture as SVG text."""
    width, height = _number(canvas.width), _number(canvas.height)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": width,
            "height": height,
            "role": "img",
            "font-family": SANS,
        },
    )
    ElementTree.SubElement(root, "title").text = canvas.title
    for shape in canvas.shapes:
        tag, numbers = _element(shape)
        attributes = {k: v if isinstance(v, str) else _number(v) for k, v in numbers.items()}
        attributes |= {_name(k): MONO if k == "mono" else v for k, v in shape.style.items()}
        element = ElementTree.SubElement(root, tag, attributes)
        if isinstance(shape, Text):
            element.text = shape.words
    return ElementTree.tostring(root, encoding="unicode")


def _element(shape: Shape) -> tuple[str, dict[str, Length | str]]:
    """Return the tag of a shape and the attributes that say where it is."""
    match shape:
        case Rect((x, y), width, height, radius):
            return "rect", {"x": x, "y": y, "width": width, "height": height, "rx": radius}
        case Polygon(points):
            path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
            return "polygon", {"points": path}
        case Wire():
            numbers = (_number(n) for point in shape.controls for n in point)
            return "path", {"d": "M{} {} C{} {} {} {} {} {}".format(*numbers), "fill": "none"}
        case Dot((x, y), radius):
            return "circle", {"cx": x, "cy": y, "r": radius}
        case Text((x, y), _, size):
            return "text", {"x": x, "y": y, "font-size": size}


def _name(attribute: str) -> str:
    return "font-family" if attribute == "mono" else attribute.replace("_", "-")


def _number(value: Length) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
