"""A real Kubernetes control plane for tests and developers; never part of the agent."""
