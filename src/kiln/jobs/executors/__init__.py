"""Where a stage runs: behind one interface, so that a lane on this machine, a cluster and a rented GPU are the same to who asks.

`interface` says what is asked and answered, as plain data. `local` does it in lanes: child processes of our own that keep models warm, and
that may crash, hang or hog memory without harm to anyone else.
"""
