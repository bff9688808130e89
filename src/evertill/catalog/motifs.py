"""
The things that drawn pictures show: a mug, a lantern, a bird … each from a few simple shapes on a field of 600 × 600.

A motif stands around (300, 310), between 120 and 490 both ways, and takes its colours from the inks it is handed.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Inks(msgspec.Struct, frozen=True):
    """The colours of one picture, as SVG paints."""

    print: str  # the thing's own surface, often a pattern
    main: str  # its colour
    dark: str
    light: str
    second: str  # what sets it off
    second_dark: str
    accent: str  # small things that shine
    ink: str  # the darkest
    paper: str  # the lightest


Motif: TypeAlias = Callable[[Inks], str]


# ---- shapes


def rect(x: int, y: int, width: int, height: int, radius: int, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}"/>'


def circle(x: int, y: int, radius: int, fill: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"/>'


def oval(x: int, y: int, across: int, down: int, fill: str) -> str:
    return f'<ellipse cx="{x}" cy="{y}" rx="{across}" ry="{down}" fill="{fill}"/>'


def path(outline: str, fill: str) -> str:
    return f'<path d="{outline}" fill="{fill}"/>'


def line(course: str, stroke: str, width: int) -> str:
    return (
        f'<path d="{course}" fill="none" stroke="{stroke}" stroke-width="{width}" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def shade(outline: str) -> str:
    """A part that lies in shadow."""
    return f'<path d="{outline}" fill="#000" opacity=".1"/>'


def shine(course: str, width: int = 12) -> str:
    """A part that catches the light."""
    return f'<g opacity=".45">{line(course, "#fff", width)}</g>'


def at(x: int, y: int, scale: float, drawing: str) -> str:
    return f'<g transform="translate({x} {y}) scale({scale})">{drawing}</g>'


def turned(degrees: int, drawing: str, x: int = 300, y: int = 310) -> str:
    return f'<g transform="rotate({degrees} {x} {y})">{drawing}</g>'


def heart_outline(x: int, y: int, size: int) -> str:
    """A heart whose dip is at (x, y - size / 3) and whose tip is at (x, y + size)."""
    third = size // 3
    return (
        f"M{x} {y + size}C{x - size * 2} {y - third} {x - size} {y - size - third} {x} {y - third}"
        f"C{x + size} {y - size - third} {x + size * 2} {y - third} {x} {y + size}Z"
    )


STAR = "M0-100L26-33 98-29 42 17 61 86 0 47-61 86-42 17-98-29-26-33Z"
_FLAME = "M0-46C24-18 27 2 21 16A24 24 0 0 1-21 16C-27 2-18-8 0-46Z"


def _flame(x: int, y: int, scale: float = 1.0) -> str:
    glow = '<circle r="88" fill="#fff" opacity=".35"/><circle r="58" fill="#ffe9a8" opacity=".55"/>'
    return at(
        x, y, scale, f'{glow}<path d="{_FLAME}" fill="#f7a531"/><ellipse cy="14" rx="10" ry="15" fill="#fff3c4"/>'
    )


def _petals(colour: str, heart: str, petals: int = 6) -> str:
    step = 360 / petals
    leaves = "".join(
        f'<ellipse cy="-52" rx="29" ry="44" fill="{colour}" transform="rotate({step * n:g})"/>' for n in range(petals)
    )
    return f"{leaves}{circle(0, 0, 30, heart)}"


# ---- kitchen and table


def mug(inks: Inks) -> str:
    return (
        line("M400 262h30a48 48 0 0 1 0 112h-34", inks.dark, 26)
        + path("M178 210H408V398a52 52 0 0 1-52 52H230a52 52 0 0 1-52-52Z", inks.print)
        + shade("M352 210H408V398a52 52 0 0 1-52 52h-34c26-6 30-28 30-52Z")
        + oval(293, 210, 115, 26, inks.light)
        + oval(293, 214, 96, 18, inks.ink)
        + shine("M206 262v96")
        + line("M262 168c-18-26 18-38 0-66M322 168c-18-26 18-38 0-66", inks.paper, 10)
    )


def teacup(inks: Inks) -> str:
    return (
        oval(292, 448, 190, 30, inks.second)
        + oval(292, 440, 190, 28, inks.light)
        + oval(292, 438, 120, 16, inks.second)
        + line("M408 288c70-22 84 78-34 84", inks.dark, 20)
        + path("M152 258H430C430 372 376 436 330 436H252C206 436 152 372 152 258Z", inks.print)
        + shade("M380 258h50C430 372 376 436 330 436h-30c46-22 80-90 80-178Z")
        + oval(291, 258, 139, 24, inks.paper)
        + oval(291, 261, 120, 17, "#a8653a")
        + shine("M184 300c6 40 20 68 38 88")
    )


def teapot(inks: Inks) -> str:
    return (
        line("M402 300c84-22 92 96-8 106", inks.dark, 22)
        + path("M206 344C150 340 150 268 106 256L132 232C186 246 172 292 224 300Z", inks.dark)
        + oval(302, 350, 126, 104, inks.print)
        + shade("M360 262c70 40 90 130 10 180 90-30 100-170-10-180Z")
        + path("M218 268a84 60 0 0 1 168 0Z", inks.second)
        + circle(302, 200, 22, inks.accent)
        + rect(242, 448, 120, 16, 8, inks.dark)
        + shine("M206 340c4-24 14-40 30-50")
    )


def plate(inks: Inks) -> str:
    return (
        circle(300, 310, 180, inks.paper)
        + circle(300, 310, 166, inks.print)
        + circle(300, 310, 112, inks.paper)
        + circle(300, 310, 100, inks.light)
        + at(300, 312, 0.75, _petals(inks.second, inks.accent))
        + shine("M160 262c14-42 46-78 92-94")
    )


def cake(inks: Inks) -> str:
    icing = (
        "M178 286a122 96 0 0 1 244 0v34c0 26-34 26-36 2-2 40-42 40-44 0-2 30-40 32-42 2-2 34-40 34-42-2"
        "-2 32-40 30-40-2-4 26-40 22-40-2Z"
    )
    return (
        path("M196 330H404L376 452H224Z", inks.print)
        + shade("M360 330h44l-28 122h-44Z")
        + line("M240 338l12 108M300 340v106M360 338l-12 108", inks.dark, 4)
        + path(icing, inks.light)
        + circle(300, 176, 26, inks.second)
        + line("M304 152c4-18 14-26 28-30", inks.second_dark, 6)
        + "".join(
            turned(angle, rect(x, y, 26, 9, 4, colour), x + 13, y + 4)
            for x, y, angle, colour in (
                (222, 256, 30, inks.second),
                (272, 228, -20, inks.accent),
                (340, 240, 40, inks.second),
                (300, 284, 10, inks.accent),
                (372, 284, -40, inks.accent),
            )
        )
    )


def cakestand(inks: Inks) -> str:
    def tier(y: int, half: int) -> str:
        cups = "".join(
            rect(x - 18, y - 30, 36, 30, 6, inks.second)
            + circle(x, y - 32, 20, inks.paper)
            + circle(x, y - 54, 7, inks.accent)
            for x in range(300 - half + 42, 300 + half - 30, 62)
        )
        return cups + oval(300, y, half, 16, inks.print) + oval(300, y - 4, half - 14, 9, inks.light)

    return (
        line("M300 150V470", inks.dark, 10)
        + line("M300 150c-30-30 30-50 0-20", inks.dark, 8)
        + tier(248, 96)
        + tier(354, 134)
        + tier(462, 172)
    )


def jar(inks: Inks) -> str:
    return (
        rect(196, 226, 208, 236, 38, inks.paper)
        + path("M196 300H404V424a38 38 0 0 1-38 38H234a38 38 0 0 1-38-38Z", inks.print)
        + shade("M366 226h0a38 38 0 0 1 38 38V424a38 38 0 0 1-38 38h-24a30 30 0 0 0 24-38Z")
        + rect(206, 166, 188, 58, 14, inks.second)
        + rect(206, 204, 188, 20, 8, inks.second_dark)
        + rect(242, 330, 116, 74, 10, inks.paper)
        + path(heart_outline(300, 362, 22), inks.second)
        + shine("M222 268v150")
    )


def bottle(inks: Inks) -> str:
    return (
        path(
            "M262 130h76v92c0 30 54 44 54 92V430a36 36 0 0 1-36 36H244a36 36 0 0 1-36-36V314c0-48 54-62 54-92Z",
            inks.print,
        )
        + shade("M338 222c0 30 54 44 54 92V430a36 36 0 0 1-36 36h-30c30-40 30-180 0-220Z")
        + rect(252, 112, 96, 40, 12, inks.second)
        + rect(208, 322, 184, 84, 0, inks.paper)
        + at(300, 364, 0.36, _petals(inks.second, inks.accent))
        + shine("M238 330v-20c0-24 20-34 34-50")
    )


def hotwaterbottle(inks: Inks) -> str:
    return (
        rect(262, 118, 76, 40, 12, inks.ink)
        + path(
            "M258 150h84v40c0 24 78 20 78 76V426a46 46 0 0 1-46 46H226a46 46 0 0 1-46-46V266c0-56 78-52 78-76Z",
            inks.print,
        )
        + shade("M386 226c22 8 34 20 34 40V426a46 46 0 0 1-46 46h-34c46-8 52-60 46-246Z")
        + rect(246, 180, 108, 22, 11, inks.second)
        + path(heart_outline(300, 342, 54), inks.paper)
        + path(heart_outline(300, 342, 38), inks.second)
    )


def bowl(inks: Inks) -> str:
    return (
        circle(236, 250, 44, inks.second)
        + circle(300, 226, 48, inks.accent)
        + circle(368, 250, 44, inks.second_dark)
        + line("M300 180c2-14 10-22 22-26", inks.ink, 7)
        + path("M130 262H470C470 390 392 446 300 446S130 390 130 262Z", inks.print)
        + shade("M400 262h70C470 390 392 446 300 446c70-30 100-100 100-184Z")
        + rect(238, 440, 124, 22, 10, inks.dark)
        + rect(124, 252, 352, 24, 12, inks.light)
        + shine("M166 308c14 42 34 66 60 84")
    )


def apron(inks: Inks) -> str:
    return (
        line("M236 168c0-70 128-70 128 0", inks.second, 12)
        + line("M190 300c-30 0-50 20-60 44M410 300c30 0 50 20 60 44", inks.second, 12)
        + path("M232 160H368L380 256 424 292V452a16 16 0 0 1-16 16H192a16 16 0 0 1-16-16V292L220 256Z", inks.print)
        + shade("M368 160l12 96 44 36V452a16 16 0 0 1-16 16h-40c20-90 20-200-20-308Z")
        + path("M238 330H362V392a28 28 0 0 1-28 28H266a28 28 0 0 1-28-28Z", inks.second)
        + rect(238, 322, 124, 16, 4, inks.second_dark)
    )


def cutlery(inks: Inks) -> str:
    return (
        rect(176, 128, 248, 350, 26, inks.print)
        + shade("M376 128h22a26 26 0 0 1 26 26V452a26 26 0 0 1-26 26h-22Z")
        + path(
            "M222 176c0-14 8-14 8 0v52h8v-52c0-14 8-14 8 0v52h8v-52c0-14 8-14 8 0v70"
            "c0 20-14 24-14 30v126a6 6 0 0 1-12 0V276c0-6-14-10-14-30Z",
            inks.paper,
        )
        + path("M300 166c24 0 30 100 14 112v124a7 7 0 0 1-14 0Z", inks.paper)
        + oval(366, 218, 24, 44, inks.paper)
        + rect(359, 250, 14, 158, 7, inks.paper)
        + rect(176, 330, 248, 62, 0, inks.second)
    )


def teatowel(inks: Inks) -> str:
    return (
        rect(130, 146, 340, 18, 9, inks.ink)
        + path("M176 150H424V440l-25 14-25-14-25 14-25-14-24 14-25-14-25 14-25-14-24 14-25-14Z", inks.print)
        + shade("M342 150h82V440l-25 14-25-14-25 14-7-4Z")
        + rect(176, 362, 248, 30, 0, inks.second)
        + rect(176, 402, 248, 10, 0, inks.accent)
        + path(heart_outline(260, 262, 40), inks.paper)
    )


def tin(inks: Inks) -> str:
    return (
        path("M180 226H420V420c0 26-54 42-120 42s-120-16-120-42Z", inks.print)
        + shade("M366 226h54V420c0 20-30 34-74 40 18-60 24-140 20-234Z")
        + path("M172 190H428V236c0 18-56 30-128 30s-128-12-128-30Z", inks.second)
        + oval(300, 190, 128, 32, inks.light)
        + oval(300, 186, 30, 12, inks.second_dark)
        + rect(236, 320, 128, 78, 39, inks.paper)
        + at(300, 360, 0.3, f'<path d="{STAR}" fill="{inks.accent}"/>')
    )


# ---- light and scent


def candle(inks: Inks) -> str:
    return (
        _flame(300, 140)
        + line("M300 164v30", inks.ink, 6)
        + path("M224 204c0-22 152-22 152 0V452H224Z", inks.print)
        + shade("M336 192c26 2 40 6 40 12V452h-46c8-90 10-180 6-260Z")
        + path(
            "M224 204c0-22 152-22 152 0v26c-10 26-30 26-34-2-4 52-36 56-42 6-6 28-34 26-38-4-4 18-32 20-38-4Z",
            inks.light,
        )
        + oval(300, 452, 136, 24, inks.second)
        + oval(300, 446, 118, 16, inks.second_dark)
        + shine("M248 272v120")
    )


def tealight(inks: Inks) -> str:
    return (
        path("M176 214H424L396 426a34 34 0 0 1-34 30H238a34 34 0 0 1-34-30Z", inks.paper)
        + path("M184 262H416L396 426a34 34 0 0 1-34 30H238a34 34 0 0 1-34-30Z", inks.print)
        + shade("M366 214h58L396 426a34 34 0 0 1-34 30h-30c24-70 34-150 34-242Z")
        + oval(300, 214, 124, 22, inks.light)
        + oval(300, 217, 104, 15, inks.second_dark)
        + _flame(300, 176, 0.9)
        + shine("M214 276l16 108")
    )


def lantern(inks: Inks) -> str:
    return (
        line("M300 92c-54 0-54 62-12 74M300 92c54 0 54 62 12 74", inks.ink, 9)
        + path("M222 200L300 144 378 200Z", inks.dark)
        + rect(204, 196, 192, 26, 8, inks.main)
        + rect(216, 222, 168, 200, 0, inks.paper)
        + rect(216, 222, 168, 200, 0, inks.light)
        + rect(272, 338, 56, 84, 6, inks.paper)
        + _flame(300, 302, 0.85)
        + line("M220 222V422M380 222V422M300 222v40", inks.main, 14)
        + rect(196, 418, 208, 40, 10, inks.print)
        + rect(196, 418, 208, 12, 6, inks.dark)
    )


def lamp(inks: Inks) -> str:
    return (
        '<path d="M214 280L120 470H480L386 280Z" fill="#ffe9a8" opacity=".45"/>'
        + line("M300 280V440", inks.ink, 14)
        + oval(300, 450, 84, 20, inks.second_dark)
        + oval(300, 444, 84, 18, inks.second)
        + path("M238 140H362L420 292H180Z", inks.print)
        + shade("M330 140h32l58 152h-66Z")
        + rect(176, 284, 248, 16, 8, inks.second)
        + line("M350 302v54", inks.ink, 4)
        + circle(350, 362, 9, inks.accent)
    )


def fairylights(inks: Inks) -> str:
    bulbs = ((150, 214), (206, 288), (300, 322), (394, 288), (450, 214), (196, 398), (300, 440), (404, 398))
    colours = (inks.main, inks.second, inks.accent)
    return line("M110 150C170 320 430 320 490 150M130 340C200 440 400 440 470 340", inks.ink, 7) + "".join(
        f'<circle cx="{x}" cy="{y + 18}" r="46" fill="#fff" opacity=".4"/>'
        + rect(x - 10, y - 14, 20, 20, 5, inks.ink)
        + path(f"M{x - 20} {y + 8}c0-10 40-10 40 0 12 34-20 58-20 58s-32-24-20-58Z", colours[number % 3])
        for number, (x, y) in enumerate(bulbs)
    )


def incense(inks: Inks) -> str:
    return (
        line("M238 352c-40-60 40-90 0-150s30-70 6-110", inks.paper, 12)
        + line("M330 330c-30-50 34-80 4-130s24-60 8-90", inks.paper, 12)
        + line("M222 440L250 330M300 440V320M378 440L344 322", inks.second_dark, 9)
        + path("M154 396H446C440 446 400 468 300 468S160 446 154 396Z", inks.print)
        + rect(146, 384, 308, 24, 12, inks.light)
        + at(300, 434, 0.24, _petals(inks.second, inks.accent))
    )


# ---- feasts


def bauble(inks: Inks) -> str:
    return (
        line("M300 96v70", inks.ink, 6)
        + line("M300 166c-16-22 16-22 0 0", inks.ink, 6)
        + rect(270, 160, 60, 44, 10, inks.accent)
        + circle(300, 326, 138, inks.print)
        + path("M164 346a138 138 0 0 0 272 0Q300 400 164 346Z", inks.second)
        + shade("M366 206a138 138 0 0 1-66 258c90-40 120-160 66-258Z")
        + shine("M202 300c8-36 28-58 54-70", 16)
    )


def christmastree(inks: Inks) -> str:
    leaf = "#2f7d5b" if inks.print == inks.main else inks.print
    dots = ((262, 262), (334, 290), (244, 352), (312, 372), (380, 424), (220, 432), (296, 446))
    return (
        rect(276, 440, 48, 48, 6, "#8a5a3b")
        + path("M300 150L376 268H340L412 366H368L446 462H154L232 366H188L260 268H224Z", leaf)
        + shade("M300 150L376 268H340L412 366H368L446 462H300Z")
        + "".join(
            circle(x, y, 13, colour)
            for (x, y), colour in zip(dots, (inks.accent, inks.second, inks.paper) * 3, strict=False)
        )
        + at(300, 142, 0.46, f'<path d="{STAR}" fill="{inks.accent}"/>')
    )


def star(inks: Inks) -> str:
    return (
        line("M300 90v66", inks.ink, 5)
        + at(
            300,
            316,
            1.72,
            f'<path d="{STAR}" fill="{inks.print}" stroke="{inks.print}" stroke-width="14" stroke-linejoin="round"/>',
        )
        + at(
            300,
            316,
            1.0,
            f'<path d="{STAR}" fill="{inks.light}" stroke="{inks.light}" stroke-width="14" stroke-linejoin="round"/>',
        )
        + at(
            300,
            316,
            0.56,
            f'<path d="{STAR}" fill="{inks.second}" stroke="{inks.second}" stroke-width="14" stroke-linejoin="round"/>',
        )
    )


def snowman(inks: Inks) -> str:
    return (
        circle(300, 384, 98, inks.paper)
        + circle(300, 244, 70, inks.paper)
        + shade("M352 302a98 98 0 0 1-36 178c60-40 70-120 36-178Z")
        + rect(222, 180, 156, 20, 10, inks.ink)
        + rect(248, 100, 104, 88, 10, inks.ink)
        + rect(248, 158, 104, 22, 0, inks.second)
        + circle(276, 236, 8, inks.ink)
        + circle(322, 236, 8, inks.ink)
        + path("M300 250l58 14-58 10Z", "#f08a3c")
        + path("M234 294h132l-4 32H238Z", inks.print)
        + path("M330 318h40l8 76h-44Z", inks.print)
        + circle(300, 372, 9, inks.ink)
        + circle(300, 416, 9, inks.ink)
    )


def egg(inks: Inks) -> str:
    return (
        path("M300 128c78 0 130 130 130 206a130 130 0 0 1-260 0C170 258 222 128 300 128Z", inks.print)
        + path(
            "M178 280Q210 250 239 280T300 280T361 280T422 280L430 334 429 350Q392 380 361 350T300 350T239"
            " 350T171 350L170 334Z",
            inks.second,
        )
        + "".join(circle(x, 314, 13, inks.accent) for x in (208, 270, 332, 394))
        + shade("M360 158c44 44 70 120 70 176a130 130 0 0 1-130 130c110-40 120-200 60-306Z")
        + shine("M226 240c8-24 18-42 32-58", 14)
    )


def rabbit(inks: Inks) -> str:
    ear = path("M262 236C212 160 222 96 250 96s44 70 40 130Z", inks.main)
    inner = path("M262 220c-26-50-24-92-10-92s24 50 22 90Z", inks.light)
    return (
        ear
        + inner
        + f'<g transform="matrix(-1 0 0 1 600 0)">{ear}{inner}</g>'
        + oval(300, 420, 108, 66, inks.print)
        + circle(300, 300, 98, inks.main)
        + oval(300, 338, 56, 42, inks.light)
        + circle(262, 284, 11, inks.ink)
        + circle(338, 284, 11, inks.ink)
        + path("M286 316h28l-14 16Z", inks.second)
        + line("M300 332v14m0 0c-6 14-24 12-28 2m28-2c6 14 24 12 28 2", inks.ink, 5)
        + circle(232, 326, 16, inks.second)
        + circle(368, 326, 16, inks.second)
    )


def chick(inks: Inks) -> str:
    body = "#f6cf57"
    return (
        line("M270 440v36m-18 0h30M330 440v36m-12 0h30", "#e58a2e", 9)
        + circle(300, 358, 104, body)
        + circle(300, 240, 74, body)
        + shade("M366 278a104 104 0 0 1-40 180c50-50 60-120 40-180Z")
        + path("M184 340c-34 20-30 70 22 74 20-20 14-60-22-74ZM416 340c34 20 30 70-22 74-20-20-14-60 22-74Z", "#e9b53c")
        + circle(272, 232, 9, inks.ink)
        + circle(328, 232, 9, inks.ink)
        + path("M300 244l24 16-24 18-24-18Z", "#e58a2e")
        + path("M222 198c30-60 126-60 156 0Z", inks.print)
        + circle(300, 150, 14, inks.second)
    )


# ---- things to wear and to carry


def tote(inks: Inks) -> str:
    return (
        line("M232 240c0-140 136-140 136 0", inks.second_dark, 20)
        + path("M166 226H434L456 444a28 28 0 0 1-28 30H172a28 28 0 0 1-28-30Z", inks.print)
        + shade("M382 226h52l22 218a28 28 0 0 1-28 30h-44c10-80 10-160-2-248Z")
        + rect(160, 222, 280, 26, 8, inks.second)
        + shine("M178 290l-8 120")
    )


def lunchbag(inks: Inks) -> str:
    return (
        line("M250 158c0-56 100-56 100 0", inks.second_dark, 16)
        + path("M196 214L214 150H386L404 214Z", inks.second)
        + rect(176, 208, 248, 262, 18, inks.print)
        + shade("M372 208h34a18 18 0 0 1 18 18V452a18 18 0 0 1-18 18h-34Z")
        + rect(176, 208, 248, 20, 8, inks.second_dark)
        + rect(240, 340, 120, 84, 12, inks.paper)
        + path(heart_outline(300, 378, 26), inks.second)
    )


def purse(inks: Inks) -> str:
    return (
        path("M178 250C116 330 126 456 206 456H394C474 456 484 330 422 250Z", inks.print)
        + shade("M392 250h30C484 330 474 456 394 456h-40c60-30 70-130 38-206Z")
        + path("M174 258C190 196 410 196 426 258Z", inks.accent)
        + path("M194 256C212 218 388 218 406 256Z", inks.second_dark)
        + circle(280, 190, 20, inks.accent)
        + circle(322, 190, 20, inks.accent)
        + shine("M172 340c-4 30 2 54 16 72")
    )


def umbrella(inks: Inks) -> str:
    return (
        line("M300 150V430c0 52-68 52-68 4", inks.ink, 14)
        + path("M116 318a184 184 0 0 1 368 0q-46-40-92 0-46-40-92 0-46-40-92 0-46-40-92 0Z", inks.print)
        + shade("M300 134a184 184 0 0 1 184 184q-46-40-92 0c0-90-30-150-92-184Z")
        + line("M300 136C230 180 208 250 208 318M300 136c70 44 92 114 92 182", inks.dark, 4)
        + rect(294, 104, 12, 34, 6, inks.ink)
    )


def suitcase(inks: Inks) -> str:
    return (
        line("M244 204v-40a18 18 0 0 1 18-18h76a18 18 0 0 1 18 18v40", inks.ink, 16)
        + rect(132, 200, 336, 250, 34, inks.print)
        + shade("M420 200h14a34 34 0 0 1 34 34V416a34 34 0 0 1-34 34h-14Z")
        + rect(184, 200, 30, 250, 0, inks.second)
        + rect(386, 200, 30, 250, 0, inks.second)
        + rect(182, 300, 34, 28, 6, inks.accent)
        + rect(384, 300, 34, 28, 6, inks.accent)
        + rect(256, 284, 88, 62, 10, inks.paper)
        + at(300, 316, 0.22, f'<path d="{STAR}" fill="{inks.second}"/>')
    )


def key(inks: Inks) -> str:
    return turned(
        -38,
        f'<circle cx="300" cy="196" r="70" fill="none" stroke="{inks.accent}" stroke-width="30"/>'
        + rect(284, 260, 32, 210, 10, inks.accent)
        + rect(312, 400, 50, 24, 6, inks.accent)
        + rect(312, 440, 36, 24, 6, inks.accent)
        + circle(300, 196, 24, inks.second),
    ) + at(396, 392, 1.0, path("M-50-34h100v100l-50 30-50-30Z", inks.print) + circle(0, -14, 10, inks.paper))


def tshirt(inks: Inks) -> str:
    return (
        path(
            "M230 140L134 192 164 276 204 260V456a14 14 0 0 0 14 14H382a14 14 0 0 0 14-14V260l40 16 30-84-96-52"
            "Q300 190 230 140Z",
            inks.print,
        )
        + shade("M370 140l96 52-30 84-40-16V456a14 14 0 0 1-14 14h-40c20-90 24-230 28-330Z")
        + line("M230 140Q300 196 370 140", inks.second, 14)
        + path(heart_outline(300, 300, 34), inks.second)
    )


def shoe(inks: Inks) -> str:
    return (
        path("M128 264c40 28 84 16 108-40l44-10c20 80 70 104 140 116 46 8 62 34 56 76H124Z", inks.print)
        + rect(114, 402, 372, 36, 18, inks.paper)
        + rect(114, 422, 372, 16, 8, inks.second)
        + line("M262 270l36-18M282 302l36-20M308 328l32-22", inks.paper, 10)
        + shine("M150 300c10 40 6 60 4 84")
    )


def hat(inks: Inks) -> str:
    return (
        path("M190 374a110 150 0 0 1 220 0Z", inks.print)
        + shade("M340 238a110 150 0 0 1 70 136h-50c8-60 2-100-20-136Z")
        + rect(172, 360, 256, 62, 26, inks.second)
        + line("M206 366v50M244 366v50M282 366v50M320 366v50M358 366v50M396 366v50", inks.second_dark, 5)
        + circle(300, 208, 42, inks.accent)
    )


def gloves(inks: Inks) -> str:
    mitten = path("M196 420V260c0-90 108-90 108 0v30c20-40 60-18 44 16l-44 66v48Z", inks.print) + rect(
        184, 408, 132, 50, 16, inks.second
    )
    return at(-62, -8, 1, mitten) + f'<g transform="matrix(-1 0 0 1 668 16)">{mitten}</g>'


# ---- jewellery


def necklace(inks: Inks) -> str:
    beads = (
        (166, 176), (170, 226), (188, 274), (216, 316), (254, 346), (346, 346), (384, 316),
        (412, 274), (430, 226), (434, 176),
    )  # fmt: skip
    return (
        line("M164 130C150 440 450 440 436 130", inks.accent, 5)
        + "".join(
            circle(x, y, 19, colour) + circle(x - 6, y - 6, 5, inks.paper)
            for (x, y), colour in zip(beads, (inks.main, inks.second) * 5, strict=True)
        )
        + path(heart_outline(300, 408, 62), inks.print)
        + circle(300, 366, 12, inks.accent)
        + shine("M252 394c0-14 8-24 18-28", 10)
    )


def earrings(inks: Inks) -> str:
    earring = (
        line("M0 60V22c0-40 40-34 36-4", inks.accent, 7)
        + circle(0, 80, 22, inks.second)
        + path("M0 108C40 176 62 206 62 244a62 62 0 0 1-124 0C-62 206-40 176 0 108Z", inks.print)
        + circle(0, 246, 26, inks.light)
        + circle(-8, 238, 8, inks.paper)
    )
    return at(208, 140, 1.0, earring) + at(392, 140, 1.0, earring)


def bracelet(inks: Inks) -> str:
    points = (
        (300, 220),
        (372, 232),
        (428, 270),
        (452, 326),
        (428, 384),
        (372, 422),
        (300, 434),
        (228, 422),
        (172, 384),
        (148, 326),
        (172, 270),
        (228, 232),
    )
    return line("M300 220c200 0 200 214 0 214s-200-214 0-214", inks.accent, 6) + "".join(
        circle(x, y, 34 if number % 2 == 0 else 26, colour) + circle(x - 9, y - 9, 7, inks.paper)
        for number, ((x, y), colour) in enumerate(
            zip(points, (inks.main, inks.second, inks.main, inks.light) * 3, strict=True)
        )
    )


def ring(inks: Inks) -> str:
    return (
        f'<circle cx="300" cy="372" r="94" fill="none" stroke="{inks.accent}" stroke-width="28"/>'
        + path("M224 196H376L424 248 300 352 176 248Z", inks.main)
        + path("M224 196l26 52 50-52 50 52 26-52Z", inks.light)
        + path("M250 248H350L300 352Z", inks.light)
        + path("M176 248h74l50 104Z", inks.dark)
        + line("M430 150v40m-20-20h40M180 140v28m-14-14h28", inks.paper, 8)
    )


def brooch(inks: Inks) -> str:
    return (
        at(300, 310, 1.75, _petals(inks.print, inks.paper, 8))
        + at(300, 310, 0.95, _petals(inks.second, inks.accent, 8))
        + circle(300, 310, 16, inks.paper)
    )


# ---- the house


def clock(inks: Inks) -> str:
    return (
        path("M176 206a56 56 0 0 1 96-54ZM424 206a56 56 0 0 0-96-54Z", inks.second)
        + line("M300 146v-26m-30 0h60", inks.ink, 14)
        + line("M206 438l-30 44M394 438l30 44", inks.ink, 18)
        + circle(300, 318, 156, inks.print)
        + circle(300, 318, 122, inks.paper)
        + "".join(
            turned(angle, rect(296, 208, 8, 24 if angle % 90 == 0 else 14, 4, inks.ink), 300, 318)
            for angle in range(0, 360, 30)
        )
        + line("M300 318V244", inks.ink, 12)
        + line("M300 318l52 34", inks.ink, 12)
        + circle(300, 318, 14, inks.second)
    )


def mirror(inks: Inks) -> str:
    return (
        line("M300 90v40", inks.ink, 6)
        + oval(300, 306, 146, 180, inks.print)
        + oval(300, 306, 112, 146, "#dbe9ee")
        + '<path d="M230 270L330 180M226 340L384 196M262 392L396 270" stroke="#fff" stroke-width="20" opacity=".7"/>'
        + circle(300, 128, 22, inks.accent)
        + circle(300, 484, 16, inks.accent)
        + circle(154, 306, 14, inks.accent)
        + circle(446, 306, 14, inks.accent)
    )


def frame(inks: Inks) -> str:
    return (
        rect(150, 136, 300, 350, 10, inks.print)
        + shade("M420 136h30V486H150v-30H420Z")
        + rect(186, 172, 228, 278, 4, inks.paper)
        + rect(208, 194, 184, 234, 2, inks.light)
        + circle(342, 250, 30, inks.accent)
        + path("M208 428V360l58-70 50 56 34-36 42 52v66Z", inks.second)
        + path("M208 428V392l44-34 60 70Z", inks.second_dark)
    )


def sign(inks: Inks) -> str:
    return (
        line("M196 238L300 128 404 238", inks.ink, 6)
        + circle(300, 124, 12, inks.ink)
        + rect(118, 230, 364, 196, 22, inks.print)
        + f'<rect x="136" y="248" width="328" height="160" rx="12" fill="{inks.paper}"/>'
        + path(heart_outline(300, 290, 26), inks.second)
        + rect(180, 340, 240, 16, 8, inks.dark)
        + rect(220, 370, 160, 14, 7, inks.main)
    )


def cushion(inks: Inks) -> str:
    return (
        path("M150 168Q300 200 450 168 420 310 450 452 300 420 150 452 180 310 150 168Z", inks.print)
        + shade("M450 168Q420 310 450 452 300 420 150 452c180-20 270-120 300-284Z")
        + circle(150, 168, 16, inks.second)
        + circle(450, 168, 16, inks.second)
        + circle(150, 452, 16, inks.second)
        + circle(450, 452, 16, inks.second)
        + path(heart_outline(300, 306, 62), inks.paper)
        + path(heart_outline(300, 306, 46), inks.second)
    )


def doormat(inks: Inks) -> str:
    fringe = "".join(line(f"M{x} 208v-22M{x} 432v22", inks.second_dark, 6) for x in range(126, 490, 24))
    return (
        fringe
        + rect(108, 204, 384, 232, 12, inks.print)
        + f'<rect x="132" y="228" width="336" height="184" rx="8" fill="none" stroke="{inks.paper}" stroke-width="8"/>'
        + path(heart_outline(300, 310, 46), inks.paper)
        + path(heart_outline(204, 316, 26), inks.second)
        + path(heart_outline(396, 316, 26), inks.second)
    )


def drawers(inks: Inks) -> str:
    rows = "".join(
        rect(172, y, 256, 78, 8, inks.light)
        + circle(300, y + 40, 14, inks.accent)
        + shade(f"M172 {y + 66}h256v12H172Z")
        for y in (174, 266, 358)
    )
    return line("M180 458v28M420 458v28", inks.dark, 20) + rect(146, 148, 308, 314, 16, inks.print) + rows


def hook(inks: Inks) -> str:
    return (
        rect(216, 124, 120, 236, 60, inks.print)
        + rect(232, 140, 88, 204, 44, inks.light)
        + circle(276, 174, 12, inks.ink)
        + circle(276, 312, 12, inks.ink)
        + line("M276 244c0 50-8 206 60 206 60 0 66-60 58-104", inks.second_dark, 26)
        + circle(392, 338, 26, inks.accent)
        + circle(276, 244, 30, inks.second)
    )


def knob(inks: Inks) -> str:
    return (
        rect(252, 388, 96, 70, 12, inks.second_dark)
        + oval(300, 460, 96, 20, inks.second)
        + circle(300, 284, 146, inks.print)
        + shade("M390 170a146 146 0 0 1-90 260c90-50 120-160 90-260Z")
        + circle(300, 284, 28, inks.accent)
        + shine("M190 262c10-42 32-66 62-80", 18)
    )


def vase(inks: Inks) -> str:
    return (
        line("M300 300c0-60-20-90-60-120M300 300v-150M300 300c0-60 20-90 62-110", "#5b8a5a", 9)
        + at(232, 170, 0.55, _petals(inks.second, inks.accent))
        + at(302, 128, 0.62, _petals(inks.light, inks.accent))
        + at(370, 180, 0.55, _petals(inks.second, inks.accent))
        + path("M262 270h76c0 40 62 60 62 122a80 80 0 0 1-80 78h-40a80 80 0 0 1-80-78c0-62 62-82 62-122Z", inks.print)
        + shade("M338 270c0 40 62 60 62 122a80 80 0 0 1-80 78c50-60 50-150 18-200Z")
        + rect(252, 258, 96, 22, 10, inks.dark)
        + shine("M230 400c0-26 14-44 28-58")
    )


def basket(inks: Inks) -> str:
    weave = "".join(line(f"M{160 + row * 6} {300 + row * 42}H{440 - row * 6}", inks.dark, 5) for row in range(1, 4))
    return (
        line("M180 282C180 110 420 110 420 282", inks.dark, 20)
        + circle(246, 262, 40, inks.second)
        + circle(320, 246, 46, inks.accent)
        + circle(376, 268, 34, inks.second)
        + path("M146 280H454L424 458a22 22 0 0 1-22 18H198a22 22 0 0 1-22-18Z", inks.main)
        + weave
        + line("M220 300l14 170M300 300v170M380 300l-14 170", inks.light, 6)
        + rect(134, 268, 332, 34, 16, inks.second_dark)
    )


def soap(inks: Inks) -> str:
    return (
        rect(268, 150, 64, 44, 8, inks.ink)
        + path("M286 156V120h-60q-20 0-20 22v6h28v-6h24", inks.ink)
        + path("M206 232c0-40 188-40 188 0V440a30 30 0 0 1-30 30H236a30 30 0 0 1-30-30Z", inks.print)
        + shade("M356 206c24 6 38 14 38 26V440a30 30 0 0 1-30 30h-30c24-80 28-170 22-264Z")
        + rect(248, 190, 104, 24, 8, inks.second_dark)
        + rect(236, 292, 128, 112, 14, inks.paper)
        + path("M300 310c30 36 32 48 32 52a32 32 0 0 1-64 0c0-4 2-16 32-52Z", inks.second)
        + "".join(
            f'<circle cx="{x}" cy="{y}" r="{r}" fill="#fff" opacity=".7"/>'
            for x, y, r in ((146, 262, 26), (454, 330, 32), (430, 250, 16), (160, 380, 18))
        )
    )


def house(inks: Inks) -> str:
    return (
        rect(184, 258, 232, 212, 10, inks.print)
        + path("M300 122L462 276H138Z", inks.second)
        + line("M138 276L300 122 462 276", inks.second_dark, 18)
        + circle(300, 330, 46, inks.ink)
        + line("M300 400v50", inks.accent, 14)
        + path(heart_outline(300, 226, 22), inks.paper)
        + shade("M376 276h40V460a10 10 0 0 1-10 10h-30Z")
    )


# ---- gifts, paper and play


def giftbox(inks: Inks) -> str:
    return (
        rect(160, 266, 280, 206, 14, inks.print)
        + shade("M396 266h44V458a14 14 0 0 1-14 14h-30Z")
        + rect(140, 212, 320, 66, 14, inks.light)
        + rect(274, 212, 52, 260, 0, inks.second)
        + path("M300 212C220 212 170 190 190 146s90 0 110 66C320 146 390 102 410 146s-30 66-110 66Z", inks.second)
        + path("M300 204c-50 0-84-14-76-36s56 2 76 36c20-34 68-58 76-36s-26 36-76 36Z", inks.second_dark)
        + circle(300, 208, 20, inks.second)
    )


def bunting(inks: Inks) -> str:
    flags = ((120, 186, -14), (208, 224, -7), (300, 238, 0), (392, 224, 7), (480, 186, 14))
    paints = (inks.print, inks.second, inks.print, inks.second, inks.print)
    low = ((164, 352, -8), (256, 384, -3), (344, 384, 3), (436, 352, 8))
    low_paints = (inks.accent, inks.main, inks.paper, inks.main)
    return line("M76 154Q300 322 524 154M110 330Q300 438 490 330", inks.ink, 7) + "".join(
        at(x, y, 1.0, f'<g transform="rotate({angle})">{path("M-44 0H44L0 112Z", paint)}</g>')
        for (x, y, angle), paint in zip((*flags, *low), (*paints, *low_paints), strict=True)
    )


def wrap(inks: Inks) -> str:
    def roll(paint: str, end: str) -> str:
        return (
            rect(270, 120, 76, 360, 0, paint)
            + shade("M324 120h22v360h-22Z")
            + oval(308, 120, 38, 15, end)
            + oval(308, 120, 14, 6, inks.ink)
            + oval(308, 480, 38, 15, paint)
        )

    return (
        turned(-24, roll(inks.second, inks.second_dark))
        + turned(24, roll(inks.light, inks.main))
        + roll(inks.print, inks.dark)
        + rect(262, 282, 92, 36, 6, inks.accent)
    )


def balloons(inks: Inks) -> str:
    def balloon(x: int, y: int, paint: str) -> str:
        return (
            line(f"M{x} {y + 100}Q{x + (300 - x) // 3} {y + 200} 300 486", inks.ink, 4)
            + path(f"M{x} {y - 92}c100 0 92 150 0 190-92-40-100-190 0-190ZM{x - 14} {y + 112}h28l-14-20Z", paint)
            + shine(f"M{x - 40} {y - 10}c2-24 10-38 24-46", 11)
        )

    return balloon(206, 250, inks.second) + balloon(394, 250, inks.accent) + balloon(300, 210, inks.print)


def card(inks: Inks) -> str:
    return turned(-8, rect(156, 142, 236, 310, 12, inks.second) + shade("M156 142h40v310h-40Z")) + turned(
        6,
        rect(206, 156, 236, 310, 12, inks.paper)
        + rect(224, 174, 200, 274, 6, inks.print)
        + circle(324, 296, 74, inks.paper)
        + path(heart_outline(324, 288, 40), inks.second),
    )


def envelope(inks: Inks) -> str:
    return (
        rect(186, 130, 228, 200, 10, inks.paper)
        + path(heart_outline(300, 200, 38), inks.second)
        + path("M120 250L300 372 480 250V440a20 20 0 0 1-20 20H140a20 20 0 0 1-20-20Z", inks.print)
        + shade("M120 450L270 350h60l150 100a20 20 0 0 1-20 10H140Z")
        + line("M124 256L300 374 476 256", inks.light, 8)
        + circle(300, 378, 30, inks.second)
    )


def notebook(inks: Inks) -> str:
    return turned(
        -5,
        rect(186, 146, 256, 338, 12, inks.paper)
        + rect(172, 134, 256, 338, 16, inks.print)
        + rect(172, 134, 52, 338, 14, inks.dark)
        + rect(266, 204, 126, 84, 10, inks.paper)
        + rect(284, 226, 90, 10, 5, inks.main)
        + rect(284, 252, 60, 10, 5, inks.main)
        + rect(388, 134, 18, 338, 0, inks.second),
    ) + turned(
        24,
        rect(436, 180, 26, 220, 4, inks.accent)
        + path("M436 400h26l-13 46Z", inks.paper)
        + rect(436, 158, 26, 28, 8, inks.second),
        450,
        310,
    )


def pencils(inks: Inks) -> str:
    def pencil(x: int, top: int, paint: str) -> str:
        return (
            path(f"M{x} {top + 60}l24-60 24 60Z", "#f0d3a8")
            + path(f"M{x + 16} {top + 20}l8-20 8 20Z", paint)
            + rect(x, top + 58, 48, 240, 0, paint)
            + shade(f"M{x + 32} {top + 58}h16v240h-16Z")
        )

    return (
        pencil(176, 150, inks.second)
        + pencil(226, 116, inks.accent)
        + pencil(276, 140, inks.main)
        + pencil(326, 108, inks.second_dark)
        + pencil(376, 146, inks.light)
        + rect(160, 290, 280, 184, 18, inks.print)
        + shade("M396 290h26a18 18 0 0 1 18 18V456a18 18 0 0 1-18 18h-26Z")
        + rect(160, 290, 280, 22, 8, inks.dark)
    )


def blocks(inks: Inks) -> str:
    def block(x: int, y: int, paint: str, mark: str) -> str:
        return rect(x, y, 138, 138, 16, paint) + rect(x + 16, y + 16, 106, 106, 8, inks.paper) + mark

    return (
        block(156, 332, inks.print, at(225, 402, 0.42, f'<path d="{STAR}" fill="{inks.second}"/>'))
        + block(306, 332, inks.second, path(heart_outline(375, 396, 32), inks.main))
        + turned(7, block(232, 182, inks.accent, at(301, 252, 0.4, _petals(inks.main, inks.second))), 300, 250)
    )


def teddy(inks: Inks) -> str:
    return (
        circle(214, 172, 44, inks.dark)
        + circle(386, 172, 44, inks.dark)
        + circle(214, 172, 22, inks.light)
        + circle(386, 172, 22, inks.light)
        + oval(300, 420, 116, 78, inks.main)
        + oval(300, 426, 66, 50, inks.light)
        + circle(300, 250, 116, inks.main)
        + oval(300, 292, 52, 40, inks.light)
        + circle(256, 236, 11, inks.ink)
        + circle(344, 236, 11, inks.ink)
        + oval(300, 276, 18, 12, inks.ink)
        + line("M300 288v16m-16 2q16 12 32 0", inks.ink, 5)
        + path("M300 372l-62-30v60ZM300 372l62-30v60Z", inks.print)
        + circle(300, 372, 16, inks.second)
    )


def spinningtop(inks: Inks) -> str:
    return (
        rect(288, 110, 24, 100, 12, inks.second_dark)
        + circle(300, 112, 22, inks.accent)
        + path("M300 476L150 290a150 90 0 0 1 300 0Z", inks.print)
        + path("M150 290a150 90 0 0 1 300 0q-150 66-300 0Z", inks.second)
        + path("M196 348q104 44 208 0l-40 50q-64 24-128 0Z", inks.accent)
        + shade("M380 216c40 14 70 40 70 74L300 476c60-90 90-170 80-260Z")
    )


def jigsaw(inks: Inks) -> str:
    piece = (
        "M170 180H262c-26-64 70-64 46 0H430V292c-64-26-64 70 0 46V450H308c24-62-72-62-46 0H170V338c62 24 62-72 0-46Z"
    )
    return path(piece, inks.print) + shade(
        "M396 180h34V292c-30-12-46 4-48 23 2 20 18 34 48 23V450H308c60-60 90-160 88-270Z"
    )


def rocket(inks: Inks) -> str:
    return turned(
        18,
        path("M246 404q-64 20-70 86 60-6 86-50ZM354 404q64 20 70 86-60-6-86-50Z", inks.second)
        + path("M300 96c76 60 96 150 84 240l-26 92H242l-26-92c-12-90 8-180 84-240Z", inks.print)
        + path("M300 96c40 32 64 72 76 114H224c12-42 36-82 76-114Z", inks.second)
        + circle(300, 280, 44, inks.paper)
        + circle(300, 280, 30, "#9fd0e6")
        + path("M262 428h76q-6 50-38 80-32-30-38-80Z", "#f7a531"),
    )


def book(inks: Inks) -> str:
    return (
        path(
            "M300 196C250 150 160 150 116 172V436C160 414 250 414 300 460 350 414 440 414 484 436V172C440 150"
            " 350 150 300 196Z",
            inks.print,
        )
        + path("M300 208C256 172 180 168 136 184V410C180 398 256 402 300 438Z", inks.paper)
        + path("M300 208C344 172 420 168 464 184V410C420 398 344 402 300 438Z", inks.light)
        + line("M166 230q60-12 104 16M166 276q60-12 104 16M166 322q60-12 104 16", inks.main, 8)
        + path(heart_outline(384, 280, 36), inks.second)
    )


def cassette(inks: Inks) -> str:
    return (
        line("M420 176L470 96", inks.ink, 8)
        + rect(118, 180, 364, 264, 36, inks.print)
        + shade("M440 180h6a36 36 0 0 1 36 36V408a36 36 0 0 1-36 36h-6Z")
        + circle(220, 326, 76, inks.paper)
        + circle(220, 326, 54, inks.second)
        + circle(220, 326, 16, inks.ink)
        + rect(326, 224, 122, 54, 12, inks.paper)
        + line("M382 232v38", inks.second, 6)
        + circle(354, 344, 26, inks.accent)
        + circle(422, 344, 26, inks.accent)
        + rect(330, 394, 114, 14, 7, inks.ink)
    )


# ---- craft


def spool(inks: Inks) -> str:
    return (
        rect(186, 138, 228, 48, 16, "#d9a873")
        + rect(186, 430, 228, 48, 16, "#d9a873")
        + rect(212, 184, 176, 248, 10, inks.print)
        + line("M214 214l172 26M214 258l172 26M214 302l172 26M214 346l172 26M214 390l172 26", inks.dark, 5)
        + shade("M350 184h38v248h-38Z")
        + line("M386 392c70 20 84-60 40-110", inks.main, 6)
        + line("M426 282l20-130", "#b9bec6", 8)
        + oval(446, 142, 6, 14, "#b9bec6")
    )


def button(inks: Inks) -> str:
    def one(paint: str, rim: str) -> str:
        holes = "".join(circle(x, y, 15, inks.ink) for x, y in ((-26, -26), (26, -26), (-26, 26), (26, 26)))
        return (
            circle(0, 0, 110, rim) + circle(0, 0, 98, paint) + circle(0, 0, 70, rim) + circle(0, 0, 64, paint) + holes
        )

    return (
        at(222, 236, 0.94, one(inks.print, inks.dark))
        + at(392, 330, 0.78, one(inks.second, inks.second_dark))
        + at(236, 424, 0.56, one(inks.accent, inks.paper))
    )


def ribbon(inks: Inks) -> str:
    return (
        path("M300 300L186 480l70-18 34 40 40-180Z", inks.dark)
        + path("M300 300L414 480l-70-18-34 40-40-180Z", inks.dark)
        + path("M300 282C250 160 120 150 120 230s120 110 180 52Z", inks.print)
        + path("M300 282C350 160 480 150 480 230s-120 110-180 52Z", inks.print)
        + shade("M300 282c-60-40-110-60-150-50 20-30 110-20 150 50ZM300 282c60-40 110-60 150-50-20-30-110-20-150 50Z")
        + rect(262, 240, 76, 84, 24, inks.second)
    )


# ---- garden and nature


def plant(inks: Inks) -> str:
    leaf = "M300 310C230 290 190 230 196 160c70 10 110 70 104 150Z"
    return (
        line("M300 340V180", "#4f7f55", 9)
        + path(leaf, "#5f9a68")
        + f'<g transform="matrix(-1 0 0 1 600 0)">{path(leaf, "#78b07d")}</g>'
        + path("M300 270c-34-60-30-120 0-166 30 46 34 106 0 166Z", "#6ba673")
        + path("M190 330H410L384 462a20 20 0 0 1-20 16H236a20 20 0 0 1-20-16Z", inks.print)
        + shade("M360 330h50L384 462a20 20 0 0 1-20 16h-34c20-46 28-96 30-148Z")
        + rect(172, 306, 256, 50, 14, inks.second)
    )


def wateringcan(inks: Inks) -> str:
    return (
        line("M392 250c90-40 110 130-4 160", inks.dark, 20)
        + line("M214 260c0-110 150-110 170-10", inks.dark, 16)
        + path("M206 380L122 270 144 250 222 320Z", inks.dark)
        + turned(40, rect(96, 226, 70, 28, 10, inks.second), 130, 240)
        + path("M206 250H400L418 440a24 24 0 0 1-24 26H212a24 24 0 0 1-24-26Z", inks.print)
        + shade("M362 250h38l18 190a24 24 0 0 1-24 26h-34c10-70 10-140 2-216Z")
        + at(300, 362, 0.62, _petals(inks.paper, inks.accent))
        + "".join(circle(x, y, 7, "#8fc4dd") for x, y in ((92, 300), (70, 340), (108, 344), (86, 384)))
    )


def bird(inks: Inks) -> str:
    return (
        line("M120 452H480M196 452c-10-30-30-40-50-40M404 452c8-26 30-36 54-34", "#8a6a4d", 12)
        + line("M280 420v32M322 420v32", inks.ink, 7)
        + path(
            "M168 300C180 190 330 150 384 236c40 6 62 30 70 60-30-6-46 0-60 20-10 80-90 120-160 104C180 408 150"
            " 360 96 372c10-40 40-66 72-72Z",
            inks.print,
        )
        + path("M214 318c30-50 110-50 130 6-20 50-90 60-130-6Z", inks.second)
        + circle(366, 248, 10, inks.ink)
        + path("M402 246l66 16-58 16Z", inks.accent)
        + shine("M226 244c20-22 46-34 74-38")
    )


def butterfly(inks: Inks) -> str:
    wing = (
        path("M296 300C270 190 130 120 118 210c-10 80 90 120 178 100Z", inks.print)
        + path("M296 314C210 310 130 360 160 430c30 60 120 10 136-100Z", inks.second)
        + circle(186, 228, 26, inks.light)
        + circle(210, 400, 20, inks.paper)
    )
    return (
        wing
        + f'<g transform="matrix(-1 0 0 1 600 0)">{wing}</g>'
        + rect(288, 220, 24, 190, 12, inks.ink)
        + line("M296 224c-6-50-30-70-54-80M304 224c6-50 30-70 54-80", inks.ink, 7)
    )


def owl(inks: Inks) -> str:
    return (
        path("M176 190q-6-60 10-76 36 34 114 34t114-34q16 16 10 76v150a124 124 0 0 1-248 0Z", inks.print)
        + circle(244, 236, 62, inks.paper)
        + circle(356, 236, 62, inks.paper)
        + circle(250, 240, 30, inks.ink)
        + circle(350, 240, 30, inks.ink)
        + circle(258, 230, 9, inks.paper)
        + circle(358, 230, 9, inks.paper)
        + path("M300 262l24 30-24 26-24-26Z", inks.accent)
        + path("M222 352q78-40 156 0-10 84-78 92-68-8-78-92Z", inks.light)
        + line("M250 372q12 14 24 0m4 0q12 14 24 0m4 0q12 14 24 0M266 402q12 14 24 0m4 0q12 14 24 0", inks.second, 6)
        + path("M176 290q-40 60 14 124ZM424 290q40 60-14 124Z", inks.dark)
    )


def flower(inks: Inks) -> str:
    return (
        line("M300 300V486", "#5b8a5a", 14)
        + path("M300 440c-70 0-100-40-104-84 60 0 100 30 104 84ZM300 460c60-4 92-40 96-84-54 4-92 34-96 84Z", "#6fa56f")
        + at(300, 236, 1.45, _petals(inks.print, inks.accent, 8))
        + circle(300, 236, 22, inks.second)
    )


def heart(inks: Inks) -> str:
    return (
        line("M300 84V256", inks.ink, 5)
        + line("M300 120c-40-30-60 10-8 14M300 120c40-30 60 10 8 14", inks.second, 10)
        + path(heart_outline(300, 314, 148), inks.print)
        + shade("M376 222C470 240 440 360 300 462c80-100 110-170 76-240Z")
        + shine("M184 300c0-34 18-58 48-66", 16)
    )


def tree(inks: Inks) -> str:
    return (
        line("M300 480V250M300 360l-64-70M300 330l70-80M300 400l76-56", "#8a6a4d", 16)
        + "".join(
            circle(x, y, r, paint)
            for x, y, r, paint in (
                (300, 180, 74, inks.print),
                (214, 236, 62, inks.second),
                (388, 226, 66, inks.print),
                (404, 316, 46, inks.second),
                (206, 316, 40, inks.light),
            )
        )
        + "".join(path(heart_outline(x, y, 16), inks.paper) for x, y in ((300, 180), (214, 236), (388, 226)))
    )


def windmill(inks: Inks) -> str:
    blade = path("M300 250C300 150 400 130 410 150 410 200 370 246 300 250Z", inks.print)
    blade_2 = path("M300 250C300 150 400 130 410 150 410 200 370 246 300 250Z", inks.second)
    return (
        line("M300 250V490", "#b98d5d", 16)
        + turned(0, blade, 300, 250)
        + turned(90, blade_2, 300, 250)
        + turned(180, blade, 300, 250)
        + turned(270, blade_2, 300, 250)
        + circle(300, 250, 22, inks.accent)
    )


def cat(inks: Inks) -> str:
    return (
        path("M190 240L184 120 262 176H338L416 120 410 240v50a110 110 0 0 1-220 0Z", inks.print)
        + path("M200 190l-2-44 34 24ZM400 190l2-44-34 24Z", inks.second)
        + oval(256, 262, 14, 20, inks.ink)
        + oval(344, 262, 14, 20, inks.ink)
        + path("M284 304h32l-16 18Z", inks.second)
        + line(
            "M300 322v12m0 0c-8 14-28 12-32 2m32-2c8 14 28 12 32 2M214 306l-58-12M214 324l-60 6M386 306l58-12"
            "M386 324l60 6",
            inks.ink,
            5,
        )
        + path("M214 396q86 40 172 0l10 34q-96 44-192 0Z", inks.second)
        + circle(300, 436, 20, inks.accent)
    )
