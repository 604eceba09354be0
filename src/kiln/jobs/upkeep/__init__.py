"""What a service does beside its jobs: keeping only what is needed, and telling those who wait."""
