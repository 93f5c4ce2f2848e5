"""The steps of a shot and of a character as Prefect tasks. Each is imported when it is used."""
