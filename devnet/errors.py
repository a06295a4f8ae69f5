"""The errors of the devnet; each message says what is wrong and what to do next.

NodeError
└── DevnetError     nothing is up, it is up already, a peer did not start, a step failed
    └── StepFailed  a step of a scenario did not come out as it must
"""

from node.errors import NodeError


class DevnetError(NodeError):
    """A local network cannot do what was asked of it."""

    code = "devnet"


class StepFailed(DevnetError):
    """A step of a scenario did not come out as it must."""

    code = "step-failed"
