"""`/`: what this peer is, for whoever opens it in a browser."""

from html import escape
from typing import Final

from aiohttp import web

from node.api.context import CONTEXT
from node.api.routes import Content, Route

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Suanlian: {code}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 44rem }}
body {{ padding: 0 1rem }}
dt {{ color: #666 }} dd {{ margin: 0 0 .6rem; overflow-wrap: anywhere }} code {{ font-size: .95em }}
</style></head><body>
<h1>Suanlian <span lang="zh">算链</span></h1>
<p>This is a peer of the shared ledger of the National Computing Power Interconnection Nodes.
It keeps the whole history and proves what it says.</p>
<dl>
<dt>Chain</dt><dd><code>{chain}</code></dd>
<dt>Genesis</dt><dd><code>{genesis}</code></dd>
<dt>This peer</dt><dd><code>{code}</code></dd>
<dt>Final height</dt><dd>{height}</dd>
<dt>Ready</dt><dd>{ready}</dd>
</dl>
<ul>
<li><a href="/v1/status">Status</a>, <a href="/v1/blocks">blocks</a>,
<a href="/v1/blocks/latest?transactions=true">the latest block</a></li>
<li><a href="/openapi.json">The API, described (OpenAPI 3.1)</a>,
<a href="/problems">its problems</a></li>
<li><a href="/metrics">Metrics</a>, <a href="/readyz">readiness</a></li>
</ul>
</body></html>
"""


async def get_page(request: web.Request) -> web.Response:
    """The page."""
    peer = request.app[CONTEXT].peer
    readiness = peer.get_readiness()
    text = _PAGE.format(
        chain=escape(peer.genesis.chain),
        genesis=peer.genesis.hash.hex(),
        code=escape(peer.code),
        height=peer.store.height,
        ready="yes" if readiness.ready else escape("no: " + "; ".join(readiness.reasons)),
    )
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


ROUTES: Final = (
    Route(
        "GET",
        "/",
        get_page,
        "What this peer is, as a page",
        "peer",
        answers={200: Content("The page.", {"text/html": {"type": "string"}})},
    ),
)
