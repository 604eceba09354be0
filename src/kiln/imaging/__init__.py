"""Pure pixels -> pixels, one verb a file."""
