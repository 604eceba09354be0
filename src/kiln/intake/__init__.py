"""THE DOOR for what strangers send: looked at from outside, read in a confined child, fetched from public addresses only, named by us."""
