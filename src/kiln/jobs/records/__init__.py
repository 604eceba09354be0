"""What is kept of jobs: rows of SQLite or PostgreSQL, read and changed in short transactions along one table of transitions."""
