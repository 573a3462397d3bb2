"""Exceptions that end a pass; a refusal (held, conflict, unhealthy) is a value instead.

Every message names what failed, where (file:line, object or address), and what to do.
"""


class AgentError(Exception):
    """Something that stops the pass at hand; the next pass tries again."""


class SettingError(AgentError):
    """A variable of this process could not be understood."""


class SourceError(AgentError):
    """The repository could not be reached, read or written."""


class DeclarationError(AgentError):
    """A file of ours (Package, SyncWindow …) could not be understood."""


class RenderError(AgentError):
    """A package's source did not become manifests."""


class ClusterError(AgentError):
    """The Kubernetes API could not be reached or refused a read."""
