"""What makes a call by chance one that could be meant: figures, ids and signers that fit a state.

Each function takes what chance drew for a kind and changes it; it says who signs, or None where
chance may draw that too. It looks for what is there to be done (a lease whose receipt waits, a
ballot that somebody has not voted on); where there is nothing, the call stays as it was drawn.
"""

from tests.contracts.plausible import (
    admission,
    dispute,
    governance,
    identity,
    lease,
    market,
    metering,
    resource,
    service,
)

MODULES = (identity, admission, resource, market, lease, metering, dispute, governance, service)
