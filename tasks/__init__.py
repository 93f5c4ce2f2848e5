"""The Prefect tasks; each module is imported on first use."""
