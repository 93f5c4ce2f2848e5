"""What was asked for: specs, plans, identities and prices. Pure: no network, no files."""
