"""Pictures of assets, drawn on the CPU."""
