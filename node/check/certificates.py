"""Certificates: who the validators of each epoch were, from the genesis on, and what they signed.

An epoch's set is believed because the last header of the epoch before commits it, and that header
because a quorum of the set before finalized it. Where that line breaks, what comes after it cannot
be checked, and the check says so.
"""

from bisect import bisect_left

from consensus.certificate import Certificate, verify_certificate
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from ledger import codec, schema, shape
from ledger.block import compute_header_hash, decode_header
from ledger.errors import FormatError, LedgerError
from node.check.finding import show_place
from node.check.scope import Scope


def check_certificates(scope: Scope) -> None:
    """The tables `e` and `f`."""
    sets = [ValidatorSet(scope.genesis.validators)]
    for epoch, height in enumerate(scope.ends):
        following = _check_end(scope, epoch, height, sets[-1])
        if following is None:
            scope.facts.append(f"certificates of epochs above {epoch} were not checked")
            break
        sets.append(following)
    for key, _ in scope.scan("e"):
        is_past = len(key) != 9 or int.from_bytes(key[1:], "big") >= len(scope.ends)
        if is_past and "h" not in scope.unreadable:
            scope.findings.add("e", show_place(key), "did not end in these headers")
    _check_finalizations(scope, sets)


def _check_end(scope: Scope, epoch: int, height: int, members: ValidatorSet) -> ValidatorSet | None:
    """The set of the next epoch, if the line holds so far."""
    data, header = scope.get(schema.epoch_key(epoch)), scope.get_header_bytes(height)
    if data is None or header is None:
        if not scope.unreadable.intersection("eh"):
            wrong = f"is missing: the epoch ended with block {height}"
            scope.findings.add("e", epoch, wrong)
        return None
    try:
        stored, finalization, pairs = shape.check_tuple(codec.decode(data), "an epoch's end", 3)
        if stored != height:
            raise FormatError(f"names block {stored}, and the epoch ended with block {height}")
        following = ValidatorSet.from_value(pairs)
        if following.hash != decode_header(header).next_validators_hash:
            raise FormatError("names other validators than the header commits for the next epoch")
        _verify(scope, finalization, members, epoch, header)
    except LedgerError as error:
        scope.findings.add("e", epoch, str(error))
        return None
    return following


def _verify(scope: Scope, data: object, members: ValidatorSet, epoch: int, header: bytes) -> None:
    """Raise LedgerError unless this finalizes the header's block."""
    if type(data) is not bytes:
        raise FormatError("has no certificate")
    certificate = Certificate.decode(data)
    if certificate.kind is not VoteKind.FINALIZE:
        raise FormatError("has a certificate that finalizes nothing")
    if certificate.block != compute_header_hash(header):
        raise FormatError(f"has a certificate of the block {certificate.block.hex()}")
    if certificate.epoch != epoch:
        raise FormatError(f"has a certificate of epoch {certificate.epoch}, not {epoch}")
    verify_certificate(certificate, members, scope.votes)


def _check_finalizations(scope: Scope, sets: list[ValidatorSet]) -> None:
    has_last = scope.height == 0
    for key, data in scope.scan("f"):
        height = int.from_bytes(key[1:], "big") if len(key) == 9 else -1
        header = scope.get_header_bytes(height) if 0 < height <= scope.height else None
        if header is None:
            if "h" not in scope.unreadable:
                scope.findings.add("f", show_place(key), "is of no block that is here")
            continue
        has_last = has_last or height == scope.height
        epoch = bisect_left(scope.ends, height)
        if epoch >= len(sets):
            continue
        try:
            _verify(scope, data, sets[epoch], epoch, header)
        except LedgerError as error:
            scope.findings.add("f", height, str(error))
    if not has_last and not scope.unreadable.intersection("fh"):
        scope.findings.add("f", scope.height, "is missing: the last block is always finalized")
