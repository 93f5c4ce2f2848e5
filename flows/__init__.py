"""The flows: from ideas to videos in the bucket. Each is imported when it is used."""
