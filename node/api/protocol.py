"""aiohttp's protocol of one connection, with our errors instead of its own.

What a client does wrong is answered by a problem document, counted, and logged at debug only: who
sends garbage must not fill a disk. A fault of this peer is logged with its traceback, once.
"""

import asyncio
import logging
from typing import Any, Final

from aiohttp import http_exceptions, web
from aiohttp.web_protocol import RequestHandler

from node.api.context import answer_problem
from node.api.metrics import HttpMetrics
from node.api.problems import Problem

_LOG = logging.getLogger("suanlian.api")
_CLIENTS: Final = (
    ConnectionError,
    http_exceptions.HttpProcessingError,
    web.PayloadAccessError,
    web.RequestPayloadError,
)


class Protocol(RequestHandler):
    """One connection."""

    __slots__ = ("_metrics",)

    def __init__(
        self,
        server: web.Server,
        metrics: HttpMetrics,
        *,
        loop: asyncio.AbstractEventLoop,
        **how: Any,
    ) -> None:
        super().__init__(server, loop=loop, **how)
        self._metrics = metrics

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  it quotes the client's bytes
    ) -> web.StreamResponse:
        """The problem document of what no handler saw; the connection closes after it."""
        self.log_exception("a request failed before its handler", exc_info=exc)
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionError("nobody can be answered") from exc
        if status >= 500:
            problem = Problem("internal", "the peer failed; its log says why")
        else:
            problem = Problem("bad-request", "not well-formed HTTP, or its header is too large")
        response = answer_problem(problem)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **how: Any) -> None:
        """Log a fault of this peer; count one of the client."""
        error = how.get("exc_info")
        if not isinstance(error, _CLIENTS):
            _LOG.error(*args, **how)
            return
        if not isinstance(error, ConnectionError):
            self._metrics.malformed.inc()
        _LOG.debug("a client broke off or sent no HTTP: %r", error)
