"""Stages on references: what a stage reads and makes lies in the store, addressed by its content."""
