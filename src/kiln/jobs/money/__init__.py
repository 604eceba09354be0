"""What work costs, and who has spent what."""
