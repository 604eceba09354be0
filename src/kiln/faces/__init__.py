"""Faces are thin and equal: parse, call the pipeline, present. No face imports a stage."""
