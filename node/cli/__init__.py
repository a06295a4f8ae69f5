"""The command line: one module per group of commands, `output` for what they print."""
