"""The one page of questions at the first sign-in. It needs no script, and until it is answered nothing is stored."""

from __future__ import annotations

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from studio.db import SYSTEM, transaction
from studio.errors import StudioError, ValidationError
from studio.http.access import clear_session, form_of, go_in, limit, page_errors, refusal_headers
from studio.http.footer import HTML as FOOTER
from studio.http.legal import day
from studio.http.socket import cookie_token
from studio.services import policies
from studio.services.abuse import TooOften
from studio.services.identity import joining
from studio.services.identity.joining import Arrival

ART = (
    ("lake-6", "city-1", "dahlia-1", "ocean-2"),
    ("vases-2", "ink-2", "aurora-3", "pebbles-1"),
    ("planet-1", "dunes-2", "blob-1", "paper-1"),
)

_ENVIRONMENT = Environment(autoescape=True)
_ENVIRONMENT.filters["day"] = day
_PAGE = _ENVIRONMENT.from_string("""<!doctype html>
<html lang="en" class="{{ theme }}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Before you start · Studio</title><link rel="stylesheet" href="/join.css">
<link rel="icon" href="/icon.svg"></head>
<body>
<div class="behind" aria-hidden="true"><div class="words"><p class="name">Studio</p>
<p class="large">Make pictures and film. Know the price first.</p></div>
{%- for column in art %}<div>
{%- for each in column %}<img src="/art/{{ each }}.webp" alt="">{% endfor %}</div>{% endfor -%}
</div>
<main><div class="dialog" role="dialog" aria-labelledby="title" aria-describedby="about">
<div class="who"><span class="avatar" aria-hidden="true">{{ initials }}</span>
<div><p class="name">{{ name }}</p><p class="small">{{ email }}</p></div></div>
<h1 id="title">Before you start</h1>
<p id="about">Two confirmations we need once. Nothing is ticked for you.</p>
<form method="post" action="/join">
{% if problem %}<p class="problem" role="alert">{{ problem }}</p>{% endif %}
<div class="option"><input type="checkbox" id="adult" name="adult" value="1" aria-describedby="adult-more"
{%- if ticked.adult %} checked{% endif %} required>
<div><label for="adult">I am 16 or older</label>
<p class="small" id="adult-more">We store this answer and its date, not your birthday.</p></div></div>
<div class="option"><input type="checkbox" id="terms" name="terms" value="1" aria-describedby="terms-more"
{%- if ticked.terms %} checked{% endif %} required>
<div><label for="terms">I have read the Privacy policy and accept the Terms</label>
<p class="small" id="terms-more">
{%- for versions in shown.values() %}{% for each in versions %}{% if each.in_force_at %}
<a href="/{{ each.kind }}" target="_blank" rel="noopener">{{ each.title }} {{ each.number }}</a>,
{%- else %} and from {{ each.effective_at | day }}
<a href="{{ each.path }}" target="_blank" rel="noopener">{{ each.title }} {{ each.number }}</a>,
{%- endif %}{% endfor %}{% endfor %} each opens in a new tab.</p></div></div>
<input type="hidden" name="shown" value="{{ stamp }}">
<details open><summary>Optional, off</summary>
<div class="option"><input type="checkbox" id="marketing" name="marketing" value="1"
{%- if ticked.marketing %} checked{% endif %}><label for="marketing">Mail me news about Studio</label></div></details>
<div class="ends"><button name="go" value="leave" class="quiet" formnovalidate>Leave and sign out</button>
<button name="go" value="on" class="main" aria-describedby="hint">Continue</button></div>
<p class="small hint" id="hint">Tick both to continue.</p>
</form></div></main>{{ footer }}</body></html>""")  # autoescape: every value is text


async def _draw(
    request: Request, who: Arrival, *, ticked: dict[str, bool], problem: StudioError | None = None
) -> Response:
    async with transaction(SYSTEM) as session:
        shown = await policies.shown_at_joining(session)
    name = who.name or who.email.split("@")[0]
    theme = request.cookies.get("theme", "")
    return HTMLResponse(
        _PAGE.render(
            name=name,
            email=who.email,
            initials="".join(part[0] for part in name.replace(".", " ").split()[:2]).upper(),
            theme=theme if theme in ("dark", "light") else "",
            art=ART,
            ticked=ticked,
            problem=problem.message if problem else "",
            shown=shown,
            stamp=joining.stamp(shown),
            footer=FOOTER,
        ),
        problem.status if problem else 200,
        headers=refusal_headers(problem) if problem else None,
    )


async def _waiting(token: str) -> Arrival | None:
    async with transaction(SYSTEM) as session:
        return await joining.waiting(session, token=token)


@page_errors
async def ask(request: Request) -> Response:
    """GET /join: the questions, for whoever has just proved who they are."""
    token = cookie_token(request.scope["headers"])
    who = await _waiting(token)
    if who is None:
        return RedirectResponse("/", 303)
    return await _draw(request, who, ticked={})


@page_errors
async def answer(request: Request) -> Response:
    """POST /join: `go=leave` leaves nothing stored; otherwise both must be ticked."""
    token = cookie_token(request.scope["headers"])
    given = await form_of(request)
    ticked = {name: given.get(name) == ["1"] for name in ("adult", "terms", "marketing")}
    who = await _waiting(token)
    if who is None:  # a second click: the first one has signed in, or the time is over
        return RedirectResponse("/", 303)
    if given.get("go") == ["leave"]:
        async with transaction(SYSTEM) as session:
            answered = await joining.leave(session, token=token)
        response = RedirectResponse("/welcome", 303)
        if not answered:
            clear_session(response)
        return response
    try:
        await limit(request, "join")
        async with transaction(SYSTEM) as session:
            entered = await joining.accept(session, token=token, shown=given.get("shown", [None])[0], **ticked)
    except (ValidationError, TooOften) as error:
        return await _draw(request, who, ticked=ticked, problem=error)
    return await go_in(entered)
