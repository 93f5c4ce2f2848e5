"""The records in the bucket: their keys, their JSON documents, and what was bought."""
