"""Whole networks in one process and in virtual time: seeded faults, named checkers, exact replay.

run -> simulation -> process (disk, thread, ports) -> node.replica
                  -> links, mischief, load, checkers, audit
"""
