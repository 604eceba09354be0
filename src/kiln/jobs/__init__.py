"""A recipe run for somebody, durably: what is asked is kept, carried out through crashes, paid for once, and told of.

`service.py` is what faces talk to. Nothing heavy is loaded here; import the module that is meant.
"""
