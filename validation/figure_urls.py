"""Figures as data URLs, for pages that need nothing beside them."""

import base64
import io

import matplotlib
from matplotlib.figure import Figure

# An SVG above this size (many points, much text) is larger than the same figure in pixels.
LARGEST_SVG = 40_000
PIXELS_PER_INCH = 144
# Figures have few colours; more would serve their smoothed edges only.
_COLOURS_IN_PIXELS = 96


def figure_as_data_url(figure: Figure, bbox_inches: str | None = "tight") -> str:
    """Return `figure` as a data URL: vector graphics, or pixels where those would be large."""
    # Letters are drawn as curves: with two panels of them vector graphics are large without any points.
    if len(figure.axes) < 2:
        buffer = io.BytesIO()
        # With a fixed salt and without a date the same findings give the same bytes.
        with matplotlib.rc_context({"svg.hashsalt": "brianpresyn"}):
            figure.savefig(buffer, format="svg", bbox_inches=bbox_inches, metadata={"Date": None})
        if buffer.tell() <= LARGEST_SVG:
            return _data_url("image/svg+xml", buffer)
    from PIL import Image

    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches=bbox_inches, dpi=PIXELS_PER_INCH)
    # With a palette it is a third of the size.
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(_COLOURS_IN_PIXELS, dither=Image.Dither.NONE)
    few.save(buffer, format="PNG", optimize=True)
    return _data_url("image/png", buffer)


def _data_url(media_type: str, content: io.BytesIO) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
