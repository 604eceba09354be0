"""Commands that work on a server: the same calls as `pipeline.api`, carried out over HTTP by a Kiln service somewhere else."""
