"""
The page for a no that is over in a few seconds: it tries again by itself and keeps what was typed.

It is made of nothing but what was asked: it looks nothing up, for what could be looked up may be what is missing.
"""

from html import escape
from urllib.parse import parse_qsl

from evertill.web.assets import asset_address

_FIELDS_MAX = 200
_SECRETS = ("password", "present", "new")  # are typed anew, not written into a page


def again_page(
    *, method: str, path: str, query: bytes, form: bytes, sentence: str, seconds: int, sign_in_at: str = ""
) -> str:
    """
    The page, as HTML.

    Args:
        query: As it was sent.

        form: The urlencoded form that was sent, b"" where there was none.

        sentence: What is the matter, and what is safe.

        seconds: When it tries again.

        sign_in_at: Where to sign in, where customers need not wait.
    """
    fields = _fields(query if method == "GET" else form)
    if method == "GET":
        kept = f"This page tries again by itself in {seconds} second{'s' if seconds > 1 else ''}."
    elif any(name in _SECRETS for name, _ in fields):
        kept = "Please send the form again in a few seconds."
    else:
        kept = "What you typed is kept. This page sends it again by itself in a few seconds, or you press the button."
    return _PAGE.format(
        refresh=f'<noscript><meta http-equiv="refresh" content="{seconds}"></noscript>' if method == "GET" else "",
        style=asset_address("shop.css"), script=asset_address("shop.js"), seconds=seconds, sentence=escape(sentence),
        kept=kept, again=_again(method, path, query, fields) + _sign_in(sign_in_at),
    )  # fmt: skip


def _fields(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return []


def _again(method: str, path: str, query: bytes, fields: list[tuple[str, str]]) -> str:
    """A form that asks the same once more; where a secret was typed, the way back to it."""
    if any(name in _SECRETS for name, _ in fields):
        return f'<p><a class="button" href="{escape(path)}">Back to the form</a></p>'
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields)
    action = path if method == "GET" or not query else f"{path}?{query.decode('latin-1')}"
    return (
        f'<form method="{"get" if method == "GET" else "post"}" action="{escape(action)}" data-once data-again>{hidden}'
        '<button class="button" type="submit">Try again now</button></form>'
    )


def _sign_in(address: str) -> str:
    if not address:
        return ""
    return (
        f'<p>Have an account? <a href="{escape(address)}">Sign in</a>: customers do not wait for their neighbours.</p>'
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">{refresh}
<title>A moment, please</title>
<link rel="stylesheet" href="{style}">
<script src="{script}" defer></script>
</head>
<body>
<main data-again-in="{seconds}">
<section class="dead-end">
<svg class="crowd" viewBox="0 0 240 84" width="240" height="84" aria-hidden="true" focusable="false">
<path class="crowd-cloth" d="M168 30h52v12a13 13 0 0 1-26 0 13 13 0 0 1-26 0z"/>
<path class="crowd-till" d="M176 56h40v24h-40z"/>
<g class="crowd-people"><circle cx="24" cy="44" r="9"/><path d="M10 80c0-16 6-23 14-23s14 7 14 23z"/>
<circle cx="62" cy="40" r="9"/><path d="M48 80c0-18 6-27 14-27s14 9 14 27z"/>
<circle cx="100" cy="44" r="9"/><path d="M86 80c0-16 6-23 14-23s14 7 14 23z"/>
<circle cx="138" cy="38" r="9"/><path d="M124 80c0-19 6-29 14-29s14 10 14 29z"/></g></svg>
<h1>A moment, please</h1>
<p class="lead">{sentence}</p>
<p>{kept}</p>
{again}
</section>
</main>
</body>
</html>
"""
