"""What a service says of itself: metrics, logs, traces, health; without secrets."""
