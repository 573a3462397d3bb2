"""What runs between passes: queues, memory, live state, threads; the only place with threads."""
