"""Work that outlives a process: what runs a stage elsewhere, who goes next, and what is tried again.

Nothing heavy is loaded here; import the module that is meant.
"""
