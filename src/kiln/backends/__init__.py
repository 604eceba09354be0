"""Models behind the verbs: roles (Protocols), cards, the registry, and one file or folder a backend."""
