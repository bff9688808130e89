"""Pictures of products that have none, drawn as SVG."""

import zlib


def draw(*, seed: str, title: str, category: str | None) -> str:
    """A self-contained SVG of 600 × 600, the same for the same arguments."""
    hue = zlib.crc32(f"{seed}{title}{category}".encode()) % 360
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 600" width="600" height="600">'
        f'<rect width="600" height="600" fill="hsl({hue} 40% 90%)"/>'
        f'<circle cx="300" cy="300" r="150" fill="hsl({hue} 45% 60%)"/></svg>'
    )
