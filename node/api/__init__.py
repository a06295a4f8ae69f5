"""The HTTP API of a peer (docs/spec/http.md).

`app` puts it together, `server` listens. One module a noun: each declares its routes beside its
handlers, and `openapi` describes them from the same declarations.
"""
