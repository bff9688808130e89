"""
Pictures of products that have none: a thing that fits the title, on a patterned ground, in colours that agree.

    title, category ──► motif, print and colour, where words tell them
    seed            ──► everything words do not tell: palette, ground, print

The same arguments give the same picture. All colours come from OKLCH, where equal lightness looks equally light: a
page of two dozen keeps one tone, whatever the hues.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec

from evertill.catalog import motifs
from evertill.catalog.motifs import Inks, Motif, circle, heart_outline, rect

Choice = TypeVar("Choice")

# Hues (degrees in OKLCH) that go together: ground, thing, what sets it off, small things.
_PALETTES: Sequence[tuple[int, int, int, int]] = (
    (80, 25, 195, 85),  # sand, coral, teal, honey
    (20, 165, 30, 85),  # blush, sea green, coral, honey
    (165, 25, 90, 60),  # mint, coral, mustard, apricot
    (230, 35, 85, 200),  # sky, tomato, mustard, aqua
    (300, 330, 85, 200),  # lilac, plum, mustard, aqua
    (100, 255, 30, 85),  # straw, blue, coral, honey
    (350, 280, 90, 15),  # rose, violet, straw, pink
    (195, 255, 40, 85),  # aqua, navy, orange, honey
    (130, 150, 15, 85),  # sage, green, rose, honey
    (60, 300, 150, 40),  # peach, purple, green, orange
    (255, 15, 85, 230),  # periwinkle, rose, mustard, sky
    (45, 210, 15, 85),  # apricot, petrol, rose, honey
)

# What a word in a title says of the thing's own colour: hue, chroma, lightness. "" would say nothing.
_COLOUR_WORDS: Sequence[tuple[str, tuple[int, float, float]]] = (
    (r"red|ruby|cherry|strawberry|tomato|toadstool", (27, 0.19, 0.60)),
    (r"hot pink|fuchsia|magenta|raspberry", (358, 0.20, 0.62)),
    (r"pink|rose|roses|blossom|peony", (5, 0.12, 0.74)),
    (r"orange|amber|tangerine|apricot|peach", (55, 0.15, 0.74)),
    (r"yellow|lemon|honey|mustard|sunflower|daffodil", (90, 0.15, 0.84)),
    (r"gold|brass|bronze|copper", (80, 0.12, 0.74)),
    (r"green|mint|sage|olive|pistachio|lime|apple|emerald|jade|leaf", (150, 0.11, 0.66)),
    (r"turquoise|aqua|teal|eau de nil", (195, 0.09, 0.70)),
    (r"navy|midnight|denim", (262, 0.11, 0.40)),
    (r"blue|sky|sapphire|sea", (245, 0.11, 0.64)),
    (r"purple|lilac|lavender|amethyst|violet|plum|heather", (305, 0.12, 0.62)),
    (r"chocolate|brown|coffee|mocha|natural|wicker|rattan|wood|wooden|oak", (60, 0.07, 0.55)),
    (r"black|jet|onyx|skulls?|noir", (280, 0.02, 0.34)),
    (r"white|ivory|cream|pearl|vanilla|linen", (85, 0.025, 0.95)),
    (r"silver|grey|gray|zinc|slate|metal|steel|chrome|crystal|diamante", (250, 0.02, 0.74)),
)

# The thing to draw: the first of these that a title names.
_MOTIFS: Sequence[tuple[str, Sequence[Motif]]] = (
    (r"door ?mats?|rugs?", (motifs.doormat,)),
    (r"teddy|bears?|dolls?|soft toy|puppets?|monkey", (motifs.teddy,)),
    (r"chalkboards?|blackboards?|memo board|signs?", (motifs.sign,)),
    (r"lunch ?bags?|lunch ?box(es)?|snack box(es)?|cool ?bag", (motifs.lunchbag,)),
    (r"(gift|candy|party|paper) bags?", (motifs.giftbox,)),
    (r"purses?|wallets?|clutch", (motifs.purse,)),
    (r"suitcases?|luggage|passport|airline|rucksack|backpack", (motifs.suitcase,)),
    (r"(wash|cosmetic) ?bags?", (motifs.purse,)),
    (r"bags?|shoppers?|totes?|handbags?", (motifs.tote,)),
    (r"t-?lights?|tealights?|votives?|candle ?holders?", (motifs.tealight,)),
    (r"lanterns?|hurricane", (motifs.lantern,)),
    (r"(fairy|string|chilli|party|dolly|led) (of )?(\d+ )?(\w+ )?lights|light chain|lights$", (motifs.fairylights,)),
    (r"incense|joss|oil burner|fragrance", (motifs.incense,)),
    (r"lamps?|lampshades?|chandelier|night light|light ?bulb", (motifs.lamp,)),
    (r"candles?|candle\w+|pillar", (motifs.candle,)),
    (r"cushions?|pillows?|quilts?|throws?|blankets?|filler pad", (motifs.cushion,)),
    (r"clocks?|watch|timer", (motifs.clock,)),
    (r"mirrors?|mirrored", (motifs.mirror,)),
    (r"hot water bottles?|hottie", (motifs.hotwaterbottle,)),
    (r"umbrellas?|parasols?|poncho|rain", (motifs.umbrella,)),
    (r"cake ?stands?|cakestands?|tier", (motifs.cakestand,)),
    (r"cakes?|cupcakes?|muffin|cases|baking|cookie|gingerbread|pudding|jelly|moulds?", (motifs.cake,)),
    (r"tea ?cups?|saucers?|regency", (motifs.teacup,)),
    (r"tea ?pots?|tea set|tea for|coffee pot|kettle", (motifs.teapot,)),
    (r"mugs?|cups?|beakers?|tumblers?|cocoa", (motifs.mug,)),
    (r"jars?|jam|preserves?", (motifs.jar,)),
    (r"tea towels?|towels?|napkins?|cloth|runner|doil(y|ies)", (motifs.teatowel,)),
    (r"plates?|dish|platter|coasters?|placemats?|tray", (motifs.plate,)),
    (r"bowls?|fruits?|colander", (motifs.bowl,)),
    (r"bottles?|carafe|decanter|flask|milk|wine|vinegar", (motifs.bottle,)),
    (r"aprons?", (motifs.apron,)),
    (r"cutlery|spoons?|forks?|knife|whisk|utensils?|rolling pin|picnic", (motifs.cutlery,)),
    (r"wrap|ribbon reel|gift tape", (motifs.wrap,)),
    (r"bunting|garlands?|pennants?|paper chain", (motifs.bunting,)),
    (r"balloons?", (motifs.balloons,)),
    (r"snowman|snowmen|santas?", (motifs.snowman,)),
    (r"baubles?|droplet|icicle|christmas decoration", (motifs.bauble,)),
    (r"christmas tree|tree decoration", (motifs.christmastree,)),
    (r"key ?rings?|keys?|key fob|keyring|charms?", (motifs.key,)),
    (r"necklaces?|pendants?|lariat|choker", (motifs.necklace,)),
    (r"earrings?", (motifs.earrings,)),
    (r"bracelets?|bangles?|beads?", (motifs.bracelet,)),
    (r"rings?$|ring\b(?! of)", (motifs.ring,)),
    (r"brooch\w*|hair\w*|slides?|corsage", (motifs.brooch,)),
    (r"notebooks?|journal|diary|sketchbook|organiser|album|recipe", (motifs.notebook,)),
    (r"pencils?|pens?|crayons?|chalk\w*|stationery", (motifs.pencils,)),
    (r"envelopes?|writing set|letters?|postcards?", (motifs.envelope,)),
    (r"playing cards|jigsaw|puzzle|blocks?|dominoes|alphabet", (motifs.jigsaw, motifs.blocks)),
    (r"cards?|stickers?|calendar", (motifs.card,)),
    (r"books?|bookcover", (motifs.book,)),
    (r"frames?|pictures?|canvas|wall art|prints?|photo", (motifs.frame,)),
    (r"signs?|plaque|slate|board|word", (motifs.sign,)),
    (r"knobs?", (motifs.knob,)),
    (r"hooks?|hangers?|rack", (motifs.hook,)),
    (r"drawers?|cabinet|chest|cupboard|shelf|shelves|table|unit", (motifs.drawers,)),
    (r"watering", (motifs.wateringcan,)),
    (r"bird ?houses?|feeder|nesting|dovecote|play ?house|house|cottage", (motifs.house,)),
    (r"windmills?", (motifs.windmill,)),
    (r"plants?|planters?|pots?|seeds?|grow|herbs?|garden", (motifs.plant, motifs.wateringcan)),
    (r"vases?|bouquet|posy", (motifs.vase,)),
    (r"baskets?|hamper|wicker", (motifs.basket,)),
    (r"soap|bath\w*|shower|flannel|sponge|balm|lotion", (motifs.soap,)),
    (r"tissues?|plasters|first aid|tins?|storage|canister|caddy", (motifs.tin,)),
    (r"trinket|jewellery box|box|boxes", (motifs.giftbox,)),
    (r"radio|speaker|ipod|phone", (motifs.cassette,)),
    (r"gloves?|mitts?|hand ?warmers?|mittens?", (motifs.gloves,)),
    (r"hats?|cap|beanie|tea cosy|cosy", (motifs.hat,)),
    (r"slippers?|socks?|shoes?|trainers?|boots?|sneakers?", (motifs.shoe,)),
    (r"t-?shirts?|sweaters?|hoodies?|dress(es)?|shirts?|jackets?", (motifs.tshirt,)),
    (r"sewing|knitting|needle|thread|wool|yarn|cotton", (motifs.spool,)),
    (r"buttons?|felt\w*|craft|patch\w*|kit", (motifs.button, motifs.spool)),
    (r"ribbons?|bows?|lace", (motifs.ribbon,)),
    (r"egg|eggs", (motifs.egg,)),
    (r"rabbits?|bunn(y|ies)|hare", (motifs.rabbit,)),
    (r"chicks?|chickens?|hens?|cockerel|ducks?", (motifs.chick,)),
    (r"owls?", (motifs.owl,)),
    (r"cats?|kittens?", (motifs.cat,)),
    (r"birds?|doves?|robins?|hummingbird|lovebirds?", (motifs.bird,)),
    (r"butterfl(y|ies)", (motifs.butterfly,)),
    (r"baby|dolly", (motifs.teddy,)),
    (r"spinning|skittles|skipping|toys?", (motifs.spinningtop,)),
    (r"rocket|space\w*|robot|planes?|gliders?|helicopter", (motifs.rocket,)),
    (r"flowers?|daisy|daisies|roses?|hydrangea|orchid|poppy|poppies|tulip|petals?|bloom", (motifs.flower,)),
    (r"trees?|willow|branch", (motifs.tree,)),
    (r"stars?", (motifs.star,)),
    (r"hearts?|love", (motifs.heart,)),
    (r"presents?|gifts?", (motifs.giftbox,)),
)  # fmt: skip

# What a category may show where a title names nothing; each shows several things, so that a shelf has some variety.
_CATEGORY_MOTIFS: Sequence[tuple[str, Sequence[Motif]]] = (
    (r"christmas|xmas", (motifs.christmastree, motifs.bauble, motifs.star, motifs.snowman)),
    (r"easter|spring", (motifs.egg, motifs.rabbit, motifs.chick)),
    (r"jewellery|hair|jewelry|accessories", (motifs.necklace, motifs.brooch, motifs.ring, motifs.bracelet)),
    (r"bags?|purses?", (motifs.tote, motifs.purse)),
    (r"baking", (motifs.cake, motifs.cakestand)),
    (r"kitchen|dining|cooking|food|drinks?", (motifs.mug, motifs.teapot, motifs.jar, motifs.bowl, motifs.plate)),
    (r"candles?|lights?|lighting", (motifs.candle, motifs.lantern, motifs.tealight, motifs.lamp)),
    (r"toys?|games?|kids|children", (motifs.spinningtop, motifs.rocket, motifs.blocks, motifs.teddy, motifs.jigsaw)),
    (r"garden|outdoors?", (motifs.plant, motifs.wateringcan, motifs.flower, motifs.windmill)),
    (r"bathroom|wellbeing|beauty|health|cosmetics?", (motifs.soap, motifs.hotwaterbottle)),
    (r"textiles?|home|living|furniture", (motifs.cushion, motifs.vase, motifs.lamp)),
    (r"craft|sewing", (motifs.button, motifs.spool, motifs.ribbon)),
    (r"party|wrap", (motifs.bunting, motifs.balloons, motifs.giftbox, motifs.wrap)),
    (r"stationery|cards?|office", (motifs.notebook, motifs.pencils, motifs.envelope)),
    (r"signs?|pictures?|art", (motifs.frame, motifs.sign)),
    (r"hooks?|knobs?|storage", (motifs.drawers, motifs.basket, motifs.hook, motifs.tin)),
    (r"clocks?|mirrors?", (motifs.clock, motifs.mirror)),
    (r"travel|umbrellas?", (motifs.suitcase, motifs.umbrella)),
    (r"decorations?|ornaments?", (motifs.heart, motifs.star, motifs.vase, motifs.bird, motifs.butterfly)),
    (r"clothing|apparel|fashion|men|women", (motifs.tshirt, motifs.shoe, motifs.hat)),
    (r"books?", (motifs.book,)),
    (r"electronics?|audio|music|tech", (motifs.cassette,)),
)  # fmt: skip
_ANYTHING: Sequence[Motif] = (motifs.giftbox, motifs.star, motifs.heart, motifs.vase, motifs.ribbon)

# What a word in a title says of the thing's print.
_PRINT_WORDS: Sequence[tuple[str, str]] = (
    (r"retrospot|polkadots?|spots?|spotty|dots?|dotty|toadstools?", "spots"),
    (r"union (jack|flag)|london|british", "flag"),
    (r"stripes?|stripey|stripy|deckchair|striped", "stripes"),
    (r"gingham|check|checked|tartan|picnic", "gingham"),
    (r"hearts?|love|sweetheart", "hearts"),
    (r"floral|flowers?|roses?|daisy|daisies|blossom|paisley|botanical|garden|bloom|jardin", "flowers"),
    (r"stars?|circus|space\w*", "stars"),
    (r"skulls?", "skulls"),
    (r"scandinavian|knitted|nordic|folk ?art|zigzag|fair ?isle|russian", "zigzag"),
    (r"apples?|cherry|cherries|strawberry|pears?|berries|fruits?", "berries"),
    (r"leaf|leaves|woodland|forest|willow|mint", "leaves"),
)
_PRINTS_BY_CHANCE = ("plain", "plain", "plain", "spots", "stripes", "gingham", "zigzag", "flowers", "leaves")
_GROUNDS = ("plain", "dots", "stripes", "scallops", "rays", "terrazzo", "checks", "arches")


def draw(*, seed: str, title: str, category: str | None) -> str:
    """
    A self-contained SVG of 600 × 600: no script, nothing loaded from elsewhere, about 2 KB, never more than 6.

    Args:
        seed: What tells this product from its neighbours; its handle.

        title: Its words choose the thing, its print and its colour.

        category: Name or slug; chooses the thing where the title names none.
    """
    chance = _Chance(seed)
    words = title.lower()
    ground_hue, hue, second_hue, accent_hue = chance.pick(_PALETTES)
    main = _word_colour(words) or (hue, 0.14, 0.64)
    if _apart(ground_hue, main[0]) < 40 and main[1] > 0.03:
        ground_hue = (ground_hue + 150) % 360
    if _apart(second_hue, main[0]) < 40:
        second_hue = (second_hue + 180) % 360
    inks = _inks(main, second_hue, accent_hue)
    print_name = _first(words, _PRINT_WORDS) or chance.pick(_PRINTS_BY_CHANCE)
    definitions, surface = _print(print_name, inks)
    motif = chance.pick(_motifs_of(words, (category or "").lower()))
    drawing = motif(_with_print(inks, surface))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600" viewBox="0 0 600 600">'
        f"{definitions}{_ground(chance.pick(_GROUNDS), ground_hue, chance)}"
        f'<g transform="translate(300 304) scale(.97) translate(-300 -304)">{drawing}</g></svg>'
    )


class _Chance:
    """Choices that look random and are the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._bytes = iter(hashlib.shake_128(seed.encode("utf-8", "replace")).digest(256))

    def number(self, below: int) -> int:
        return (next(self._bytes) * 256 + next(self._bytes)) % below

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[self.number(len(choices))]


# ---- what words choose


def _first(words: str, rules: Sequence[tuple[str, Choice]]) -> Choice | None:
    return next((chosen for pattern, chosen in rules if _names(pattern).search(words)), None)


@lru_cache(maxsize=512)
def _names(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b")


def _word_colour(words: str) -> tuple[int, float, float] | None:
    return _first(words, _COLOUR_WORDS)


def _motifs_of(words: str, category: str) -> Sequence[Motif]:
    category = category.replace("-", " ")
    return _first(words, _MOTIFS) or _first(category, _CATEGORY_MOTIFS) or _first(category, _MOTIFS) or _ANYTHING


# ---- colours


def _inks(main: tuple[int, float, float], second_hue: int, accent_hue: int) -> Inks:
    hue, chroma, lightness = main
    plain = oklch(lightness, chroma, hue)
    sunny = 0.1 if _apart(second_hue, 90) < 35 else 0.0  # yellows turn to mud where other hues are at their best
    return Inks(
        print=plain,
        main=plain,
        dark=oklch(lightness - 0.14, chroma, _darker_hue(hue)),
        light=oklch(min(lightness + 0.2, 0.93) if lightness < 0.9 else 0.88, chroma * 0.55, hue),
        second=oklch(0.70 + sunny, 0.13, second_hue),
        second_dark=oklch(0.56 + sunny, 0.12, _darker_hue(second_hue)),
        accent=oklch(0.82, 0.11, accent_hue),
        ink=oklch(0.33, 0.04, hue),
        paper=oklch(0.985, 0.012, 85),
    )


def _with_print(inks: Inks, surface: str) -> Inks:
    return msgspec.structs.replace(inks, print=surface)


def _darker_hue(hue: int) -> int:
    """The hue of a colour's shadow: that of yellow leans to orange, since dark yellow is olive."""
    return hue - 22 if _apart(hue, 90) < 25 else hue


def _apart(hue: int, other: int) -> int:
    return abs((hue - other + 180) % 360 - 180)


@lru_cache(maxsize=4096)
def oklch(lightness: float, chroma: float, hue: int) -> str:
    """
    A colour as #rrggbb; one that screens cannot show loses chroma until they can.

    Source: Björn Ottosson, https://bottosson.github.io/posts/oklab/
    """
    while True:
        channels = _linear_rgb(lightness, chroma, hue)
        if chroma <= 0 or all(-0.001 <= channel <= 1.001 for channel in channels):
            return "#" + "".join(f"{_byte(channel):02x}" for channel in channels)
        chroma -= 0.01


def _linear_rgb(lightness: float, chroma: float, hue: int) -> tuple[float, float, float]:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _byte(channel: float) -> int:
    channel = min(max(channel, 0.0), 1.0)
    curved = 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
    return round(curved * 255)


# ---- prints: the thing's own surface


def _print(name: str, inks: Inks) -> tuple[str, str]:
    """The pattern's definition, and the paint that uses it."""
    if name == "plain":
        return "", inks.main
    width, height, drawing = _print_tile(name, inks)
    tile = f'<pattern id="p" width="{width}" height="{height}" patternUnits="userSpaceOnUse">'
    return f"<defs>{tile}{rect(0, 0, width, height, 0, inks.main)}{drawing}</pattern></defs>", "url(#p)"


def _print_tile(name: str, inks: Inks) -> tuple[int, int, str]:
    mark = inks.paper if inks.main != inks.paper and _is_deep(inks.main) else inks.second
    if name == "spots":
        return 48, 48, circle(12, 12, 10, mark) + circle(36, 36, 10, mark)
    if name == "stripes":
        return 40, 40, rect(0, 0, 18, 40, 0, mark)
    if name == "gingham":
        half = f'<path d="M0 0h24v48h-24ZM0 0h48v24h-48Z" fill="{mark}" opacity=".45"/>'
        return 48, 48, half
    if name == "hearts":
        outline = heart_outline(16, 14, 10)
        return 52, 52, f'<path d="{outline}{heart_outline(42, 40, 10)}" fill="{mark}"/>'
    if name == "flowers":
        return 64, 64, _blossom(18, 18, mark, inks.accent) + _blossom(50, 50, inks.second, inks.accent)
    if name == "stars":
        star = f'<path d="{motifs.STAR}" fill="{mark}"/>'
        return 60, 60, motifs.at(16, 18, 0.14, star) + motifs.at(46, 48, 0.14, star)
    if name == "skulls":
        return 60, 60, _skull(18, 18, inks.paper, inks.ink) + _skull(48, 48, inks.paper, inks.ink)
    if name == "zigzag":
        course = "M-4 14L12 2 28 14 44 2"
        return 32, 56, (
            f'<path d="{course}M-4 30L12 18 28 30 44 18" fill="none" stroke="{mark}" stroke-width="6"/>'
            + circle(12, 44, 4, inks.accent) + circle(28, 44, 4, inks.accent)
        )  # fmt: skip
    if name == "berries":
        return 60, 60, _berry(18, 18, inks.second, mark) + _berry(48, 48, mark, inks.second)
    if name == "leaves":
        leaf = "M0 14C-14 2-8-12 0-18 8-12 14 2 0 14Z"
        drawn = f'<path d="{leaf}" fill="{mark}"/>'
        return 56, 56, motifs.at(14, 18, 0.9, drawn) + f'<g transform="translate(42 44) rotate(60)">{drawn}</g>'
    return _flag_tile()


def _is_deep(colour: str) -> bool:
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return red * 299 + green * 587 + blue * 114 < 205_000


def _blossom(x: int, y: int, petal: str, heart: str) -> str:
    around = ((0, -9), (9, -3), (5, 8), (-5, 8), (-9, -3))
    return "".join(circle(x + dx, y + dy, 7, petal) for dx, dy in around) + circle(x, y, 5, heart)


def _skull(x: int, y: int, bone: str, hollow: str) -> str:
    return (
        circle(x, y, 12, bone) + rect(x - 7, y + 6, 14, 11, 3, bone)
        + circle(x - 5, y, 3, hollow) + circle(x + 5, y, 3, hollow)
    )  # fmt: skip


def _berry(x: int, y: int, flesh: str, leaf: str) -> str:
    return circle(x, y, 10, flesh) + f'<path d="M{x - 8} {y - 9}q8-10 16 0-8 5-16 0Z" fill="{leaf}"/>'


def _flag_tile() -> tuple[int, int, str]:
    """A flag of crosses, the size of a thing's front."""
    return 300, 200, (
        '<rect width="300" height="200" fill="#2c4a86"/>'
        '<path d="M0 0L300 200M300 0L0 200" stroke="#f8f4ec" stroke-width="40"/>'
        '<path d="M0 0L300 200M300 0L0 200" stroke="#c8413f" stroke-width="14"/>'
        '<path d="M150 0V200M0 100H300" stroke="#f8f4ec" stroke-width="64"/>'
        '<path d="M150 0V200M0 100H300" stroke="#c8413f" stroke-width="36"/>'
    )  # fmt: skip


# ---- grounds: what the thing stands on


def _ground(name: str, hue: int, chance: _Chance) -> str:
    sunny = 0.02 if _apart(hue, 95) < 25 else 0.0
    base, tone, stage = oklch(0.925 + sunny, 0.04, hue), oklch(0.885 + sunny, 0.055, hue), oklch(0.968, 0.02, hue)
    floor = f'<ellipse cx="300" cy="488" rx="170" ry="18" fill="{oklch(0.6, 0.06, hue)}" opacity=".28"/>'
    field = rect(0, 0, 600, 600, 0, base) + _ground_pattern(name, tone, chance)
    if name == "arches":
        arch = f'<path d="M70 600V300a230 230 0 0 1 460 0V600Z" fill="{tone}"/>'
        return field + arch + f'<path d="M106 600V304a194 194 0 0 1 388 0V600Z" fill="{stage}"/>' + floor
    return field + circle(300, 306, 248, stage) + floor


def _ground_pattern(name: str, tone: str, chance: _Chance) -> str:
    if name == "dots":
        return _tiled(60, circle(15, 15, 8, tone) + circle(45, 45, 8, tone))
    if name == "stripes":
        return _tiled(60, rect(0, 0, 30, 60, 0, tone))
    if name == "checks":
        return _tiled(100, rect(0, 0, 50, 50, 0, tone) + rect(50, 50, 50, 50, 0, tone))
    if name == "scallops":
        ring = f'<g fill="none" stroke="{tone}" stroke-width="6">'
        rings = "".join(
            f'<circle cx="{x}" cy="{y}" r="{r}"/>' for x, y in ((0, 40), (80, 40), (40, 0), (40, 80)) for r in (36, 20)
        )
        return _tiled(80, f"{ring}{rings}</g>")
    if name == "rays":
        wedges = "".join(_wedge(angle) for angle in range(0, 360, 30))
        return f'<path d="{wedges}" fill="{tone}"/>'
    if name == "terrazzo":
        return "".join(
            f'<ellipse cx="{chance.number(600)}" cy="{chance.number(600)}" rx="{8 + chance.number(14)}" '
            f'ry="{6 + chance.number(10)}" fill="{tone}" transform="rotate({chance.number(50) - 25} 300 300)"/>'
            for _ in range(20)
        )
    return ""


def _tiled(size: int, drawing: str) -> str:
    tile = f'<pattern id="g" width="{size}" height="{size}" patternUnits="userSpaceOnUse">{drawing}</pattern>'
    return f'<defs>{tile}</defs><rect width="600" height="600" fill="url(#g)"/>'


def _wedge(degrees: int) -> str:
    def tip(angle: int) -> str:
        return f"{300 + 440 * math.cos(math.radians(angle)):.0f} {306 + 440 * math.sin(math.radians(angle)):.0f}"

    return f"M300 306L{tip(degrees)} {tip(degrees + 15)}Z"
