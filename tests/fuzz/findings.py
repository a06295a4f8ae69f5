"""Bytes that a target did not take as it must, once."""

FINDINGS: tuple[tuple[str, bytes], ...] = (
    ("journal record", b"\x94\x00\xc3\x03\xc4 " + bytes(32)),
    ("cursor", b"kwHECHtZboWbskkMkgfEA2tleX"),
    ("request file", b"9" * 5000),
    ("configuration", b"version = " + b"9" * 5000),
    ("configuration", b"version = " + b"[" * 5000),
    ("answer: outcome", b'{"id":"ab","status":"final","code":"ok","height":1e999}'),
    ("answer: outcomes", b'[{"status":"final","index":Infinity},{"status":"accepted"}]'),
    ("answer: height", b'{"header":{"height":Infinity}}'),
    ("statement", b'[{"opening":{},"closing":{},"items":[]}]'),
    ("statement", b'[{"opening":{"free":1e999},"closing":{},"items":[]}]'),
    ("events", b"data: " + b"[" * 5000 + b"\n\n"),
)
