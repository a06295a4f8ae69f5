"""A store and its journal checked end to end, table by table; nothing is written."""
