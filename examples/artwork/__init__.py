"""Kiln's own artwork: painted by numpy from distance fields, height fields and noise, lit from the upper left."""
