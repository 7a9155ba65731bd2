"""Draws what Textual exports as SVG: one picture, or several as a moving one."""

import html
import io
import re
from collections.abc import Sequence
from pathlib import Path

import cairosvg
from PIL import Image

# Textual's SVG names a web font; a renderer without the web needs one that is installed and has
# the braille and block characters.
_WEB_FONT, _LOCAL_FONT = "Fira Code", "DejaVu Sans Mono"
# Rich's cell is 12.2 wide; the local font is as wide at this size.
_WEB_SIZE, _LOCAL_SIZE = "font-size: 20px", "font-size: 20.26px"
_CELL_WIDTH, _CELL_HEIGHT = 12.2, 24.4
# Cairo rounds a character's width to whole pixels; so a cell must be a whole number of them.
_SCALE = 20 / _CELL_WIDTH
# Of what is drawn; a cell is 10 pixels wide.
_KEPT_SCALE, _COLOURS = 0.5, 96
# The usual method gives up the few red characters for one more shade of grey.
_FAITHFUL = Image.Quantize.MAXCOVERAGE
_BRAILLE = "[\u2800-\u28ff]"
_BRAILLE_TEXT = re.compile(
    rf'<text class="([^"]*)" x="([0-9.]+)" y="([0-9.]+)"[^>]*>([^<]*{_BRAILLE}[^<]*)</text>'
)
# Column and row of the eight dots, in the order of their bits (Unicode 15, section 21.1).
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def drawn(svg: str) -> Image.Image:
    """The picture, drawn with an installed font."""
    local = svg.replace(_WEB_FONT, _LOCAL_FONT).replace(_WEB_SIZE, _LOCAL_SIZE)
    png = cairosvg.svg2png(bytestring=_BRAILLE_TEXT.sub(_dots, local).encode(), scale=_SCALE)
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    size = (round(picture.width * _KEPT_SCALE), round(picture.height * _KEPT_SCALE))
    return picture.resize(size, Image.Resampling.LANCZOS)


def save_still(svg: str, path: Path) -> None:
    """Write one picture as PNG, in few colours."""
    picture = drawn(svg)
    few = picture.quantize(_COLOURS, method=_FAITHFUL, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def save_moving(frames: Sequence[tuple[str, int]], path: Path) -> None:
    """Write a moving picture as GIF: each frame with how long it is shown, in ms.

    All frames share one palette, so that only what changes on the screen changes in the picture.
    """
    pictures = [drawn(svg) for svg, _ in frames]
    height = sum(picture.height for picture in pictures)
    all_of_them = Image.new("RGB", (pictures[0].width, height))
    for number, picture in enumerate(pictures):
        all_of_them.paste(picture, (0, number * picture.height))
    palette = all_of_them.quantize(_COLOURS, method=_FAITHFUL)
    few = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    few[0].save(
        path,
        save_all=True,
        append_images=few[1:],
        duration=[shown_ms for _, shown_ms in frames],
        loop=0,
        optimize=True,
    )


def _dots(text: re.Match[str]) -> str:
    """A text that holds braille, with that part drawn as circles: few fonts have it."""
    style, left, baseline, content = text.groups()
    plain = re.sub(_BRAILLE, " ", content)
    circles = []
    for index, character in enumerate(html.unescape(content)):
        if re.match(_BRAILLE, character):
            for dot, (column, row) in enumerate(_DOTS):
                if (ord(character) - 0x2800) >> dot & 1:
                    x = float(left) + (index + 0.28 + 0.44 * column) * _CELL_WIDTH
                    y = float(baseline) - 17 + (row + 0.5) * _CELL_HEIGHT / 4
                    circles.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="1.6"/>')
    return text.group(0).replace(content, plain) + "".join(circles)
