"""The errors of the ledger package.

    LedgerError                 has a stable `code` and a message that says what is wrong
    ├── EncodingError           bytes that are not the canonical encoding of anything
    ├── FormatError             well encoded, but not the shape or the range that is asked for
    ├── SignatureError          a signature that does not verify
    ├── CertificateError        an X.509 certificate outside the profile or not as claimed
    ├── ProofError              a proof that does not lead to the root it claims
    └── StoreError              the disk holds something that this version cannot use: ours

All but the last blame the input and are for ever: the same bytes fail again.

    DiskError                   the disk does not do what it should; blames nobody's bytes, so it is
                                no LedgerError: whoever handles those must not take it for one
"""


class LedgerError(Exception):
    """An error of the ledger; `code` is stable and safe to show to the other side."""

    code = "ledger"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class EncodingError(LedgerError):
    """The bytes are not canonical MessagePack."""

    code = "encoding"


class FormatError(LedgerError):
    """The value has the wrong shape, type or range."""

    code = "format"


class SignatureError(LedgerError):
    """A signature does not verify under the key that it claims."""

    code = "signature"


class CertificateError(LedgerError):
    """A certificate is outside the profile or was not issued as claimed."""

    code = "certificate"


class ProofError(LedgerError):
    """A proof does not lead to the root that it claims."""

    code = "proof"


class StoreError(LedgerError):
    """The store cannot be used: damaged, of another chain or of an unknown format version."""

    code = "store"


class DiskError(Exception):
    """A read or a write failed, or what was read has another checksum than what was written."""

    code = "disk"
