"""What is allowed: deterministic rules, one module per contract, executed by `machine`."""
