"""The Prefect flows; each module is imported on first use."""
