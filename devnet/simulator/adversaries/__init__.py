"""Peers that lie, one way of lying a module.

liar (a process) -> habit <- equivocator, withholder, nullifier, laggard, replayer, forger, forker,
flooder, lying_syncer; twin is a liar that runs twice; cast draws who lies in a run, and how.
"""
