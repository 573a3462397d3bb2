"""Tidegate: a GitOps sync agent for Kubernetes that knows when not to sync."""

__version__ = "0.1.0"
