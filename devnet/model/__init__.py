"""An exhaustive model of the consensus core: every order of events in small networks.

The states are those of the real `consensus.core.Core`; nothing here repeats its rules.
"""
