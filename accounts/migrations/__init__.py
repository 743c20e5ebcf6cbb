"""Schema of the accounts, step by step."""
