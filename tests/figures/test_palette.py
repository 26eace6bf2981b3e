from onebyone.figures.palette import ink_on, place_color, weight_color


def contrast(a: str, b: str) -> float:
    def luminance(color: str) -> float:
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_weight_has_its_own_colour():
    assert len({weight_color(index) for index in range(200)}) == 200
    assert len({place_color(index) for index in range(64)}) == 64


def test_text_on_every_colour_is_readable():
    assert min(contrast(weight_color(i), ink_on(weight_color(i))) for i in range(200)) > 3
