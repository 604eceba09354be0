"""Where bytes live that outlive a run: a folder, or an S3-compatible store, behind one interface."""
