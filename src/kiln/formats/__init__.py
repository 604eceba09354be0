"""Asset <-> file, one format a file. Readers trust nothing they read."""
