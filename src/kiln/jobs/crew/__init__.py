"""A worker: one job from claim to end, what is tried again, and what is done about workers that are lost."""
