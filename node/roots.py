"""The national roots that the ledger has recorded, as what TLS trusts.

1. A chain begins with the root of its genesis; a ballot may replace it (docs/spec/rules.md).
2. Whoever has a certificate under any root that was ever recorded is let in to sync, so a new root
   is trusted beside the old ones from the moment its block is final here.
3. What this decides is who may ask for blocks; who is a peer is for the ledger to say (`node.tls`).
"""

import ssl
from collections.abc import Sequence

from contracts.standing import ROOT_KEY
from ledger.genesis import Genesis
from ledger.store import Store
from node.tls import add_roots


class Roots:
    """The recorded roots, and the contexts that trust them."""

    def __init__(self, genesis: Genesis, store: Store) -> None:
        self.certificates = [genesis.root_certificate]
        self._store = store
        self._version = 1  # the genesis's
        self._contexts: Sequence[ssl.SSLContext] = ()
        self.refresh()

    def trust_in(self, *contexts: ssl.SSLContext) -> None:
        """Add the roots that come to these contexts; those that are known stand in them."""
        self._contexts = contexts

    def refresh(self) -> None:
        """Trust the roots that have been recorded since."""
        current = self._store.state.get(ROOT_KEY)
        if current is None or current.version == self._version:
            return
        versions = self._store.list_versions(ROOT_KEY, self._version + 1)
        fresh = [item.value["certificate"] for item in versions if item.version <= current.version]
        for context in self._contexts:
            add_roots(context, fresh)
        self.certificates += fresh
        self._version = current.version
