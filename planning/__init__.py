"""Specs, plans, identities and prices of batches; without access to network or files."""
