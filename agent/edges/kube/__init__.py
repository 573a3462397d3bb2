"""The Kubernetes API: reading, watching, and the one place that writes."""
