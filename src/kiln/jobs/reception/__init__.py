"""A request is checked whole, and its price known, before anything is queued."""
