"""The certificates of an epoch: which views are certified, nullified and final.

All above the last final view are kept and served (rule 6); a finalization drops those at or below.
Each view from 1 on that anybody entered has a certificate somewhere: a notarization, a
nullification, or both. The parent of a certified block is the certified block of the parent view
that its votes name.
"""

from consensus.certificate import Certificate
from consensus.root import Root
from consensus.vote import VoteKind
from ledger.primitives import Digest, View


class Ancestry:
    """What is certified, nullified and final."""

    __slots__ = (
        "certified_view",
        "final",
        "final_block",
        "final_view",
        "notarizations",
        "nullifications",
        "root",
    )

    def __init__(self, root: Root) -> None:
        self.root = root
        self.final: Certificate | None = None
        self.final_view = View(0)
        self.final_block = root.block
        self.certified_view = View(0)
        self.notarizations: dict[View, Certificate] = {}
        self.nullifications: dict[View, Certificate] = {}

    def __len__(self) -> int:
        """How many certificates are kept."""
        held = len(self.notarizations) + len(self.nullifications)
        return held + (self.final is not None)

    def get(self, kind: VoteKind, view: View) -> Certificate | None:
        """The certificate of this kind for this view, where it is held."""
        match kind:
            case VoteKind.NOTARIZE:
                return self.notarizations.get(view)
            case VoteKind.NULLIFY:
                return self.nullifications.get(view)
            case VoteKind.FINALIZE:
                return self.final if view == self.final_view else None

    def is_news(self, kind: VoteKind, view: View) -> bool:
        """Whether a certificate of this kind for this view would add anything."""
        return view > self.final_view and self.get(kind, view) is None

    def find_rival(self, certificate: Certificate) -> Certificate | None:
        """What is held and cannot stand beside this certificate while no more than f are faulty."""
        kind, view = certificate.kind, certificate.view
        if kind is VoteKind.NULLIFY:
            return self.final if view == self.final_view else None
        held = self.get(kind, view)
        return None if held is None or held.block == certificate.block else held

    def add(self, certificate: Certificate) -> None:
        """Keep a verified certificate that is news."""
        view = certificate.view
        assert self.is_news(certificate.kind, view)
        match certificate.kind:
            case VoteKind.NOTARIZE:
                self.notarizations[view] = certificate
            case VoteKind.NULLIFY:
                self.nullifications[view] = certificate
                return
            case VoteKind.FINALIZE:
                self.final, self.final_view = certificate, view
                self.final_block = certificate.block
                _drop(self.notarizations, view)
                _drop(self.nullifications, view)
        self.certified_view = max(self.certified_view, view)

    def find_block(self, view: View) -> Digest | None:
        """The block certified in this view; for the last final view the final block."""
        if view == self.final_view:
            return self.final_block
        certificate = self.notarizations.get(view)
        return None if certificate is None else certificate.block

    def find_certificate(self, view: View) -> Certificate | None:
        """What a child of this view's block carries; None on the genesis, too."""
        if view == self.final_view:
            return self.final if view > 0 else self.root.certificate
        return self.notarizations.get(view)

    def find_entry(self, view: View) -> Certificate | None:
        """The certificate that leads into `view`."""
        before = View(view - 1)
        if before == self.final_view:
            return self.final
        return self.notarizations.get(before) or self.nullifications.get(before)

    def is_certified(self, block: Digest) -> bool:
        """Whether this block is certified above the last final view, or the last final block."""
        return block == self.final_block or any(
            certificate.block == block for certificate in self.notarizations.values()
        )

    def find_gaps(self, low: View, high: View) -> list[View]:
        """The views strictly between, above the last final one, that lack a nullification."""
        return [
            View(view)
            for view in range(max(low, self.final_view) + 1, high)
            if view not in self.nullifications
        ]

    def find_missing_parents(self) -> list[View]:
        """The views whose notarization is missing in the ancestry of a certified block."""
        return sorted(
            certificate.vote.parent_view
            for certificate in self.notarizations.values()
            if certificate.vote.parent_view > self.final_view
            and certificate.vote.parent_view not in self.notarizations
        )

    def count_unfinalized(self) -> int:
        """How many ancestors of the next block are certified and not final, as far as known."""
        count = 0
        view = self.certified_view
        while view > self.final_view and view in self.notarizations:
            count += 1
            view = self.notarizations[view].vote.parent_view
        return count

    def list_all(self) -> list[Certificate]:
        """Every certificate that is kept: the last finalization, then by view."""
        certificates = [] if self.final is None else [self.final]
        for view in sorted(self.notarizations.keys() | self.nullifications.keys()):
            for held in (self.notarizations.get(view), self.nullifications.get(view)):
                if held is not None:
                    certificates.append(held)
        return certificates


def _drop(certificates: dict[View, Certificate], floor: View) -> None:
    for view in [view for view in certificates if view <= floor]:
        del certificates[view]
