"""The one wiring of edges, runtime and passes, used by every command and by tests."""
