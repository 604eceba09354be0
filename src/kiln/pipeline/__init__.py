"""A recipe run once: reading recipes, running them, and the three calls everybody makes."""
