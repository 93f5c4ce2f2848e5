"""What people see of a batch: manifest, gallery, artifacts, events and thumbnails."""
