"""The ToAPIs HTTP client: requests, replies, decisions, transport. No batches, Prefect or S3."""
