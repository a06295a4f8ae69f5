"""What brings about each failure code of each call, one module a contract."""
