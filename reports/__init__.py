"""The reports of a batch: manifest, gallery, artifacts, events and thumbnails."""
