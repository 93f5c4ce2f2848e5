"""What the bucket knows: every key, every JSON document, and what was bought."""
