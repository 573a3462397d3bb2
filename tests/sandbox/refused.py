"""What the sandbox refuses because it could only pretend: each with the request that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sandbox import cases
from sandbox.cases import CONFIG, DEPLOYMENT, GIFTS, OF_KIND, changed

from agent.core import encode
from agent.edges.kube.seam import Request, Response

if TYPE_CHECKING:
    from sandbox.stories import Cluster

_POD: Final = cases.path(OF_KIND["Pod"], "web")
_DEFINITIONS: Final = cases.path(GIFTS)
_RULE: Final = {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}
_WITH_RULE: Final = {**GIFTS["spec"]["versions"][0], "schema": {"openAPIV3Schema": _RULE}}
_HOOKS: Final = "/apis/admissionregistration.k8s.io/v1"


def _policy(kind: str) -> cases.Object:
    return {"apiVersion": _HOOKS.removeprefix("/apis/"), "kind": kind, "metadata": {"name": "web"}}


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing, how it is asked for, and the answer."""

    what: str
    code: int
    says: str
    """In the message."""
    method: str
    path: str
    body: Any = None
    content_type: str = cases.JSON
    impersonate: str = ""
    accept: str = "application/json"

    def asked(self, cluster: Cluster) -> tuple[int, str]:
        """Ask for it: code and message."""
        answer = cluster.sandbox.handle(
            Request(
                self.method,
                self.path.replace("{space}", cases.SPACE),
                (),
                b"" if self.body is None else encode.body(self.body),
                self.content_type,
                self.accept,
                impersonate=self.impersonate,
            )
        )
        assert isinstance(answer, Response)
        return answer.status, str(orjson.loads(answer.body)["message"])


REFUSED: Final = (
    Refused("Kinds that are not built in and not defined", 404, "could not find",
            "GET", "/apis/nowhere.example.com/v1/shops"),
    Refused("Other versions of built-in kinds than the table's", 404, "could not find",
            "GET", "/apis/autoscaling/v1/horizontalpodautoscalers"),
    Refused("Metrics of the server itself", 404, "could not find", "GET", "/metrics"),
    Refused("Strategic merge patch: `kubectl apply` without `--server-side`, `kubectl edit`",
            415, "--server-side",
            "PATCH", cases.path(CONFIG, "web"), {}, "application/strategic-merge-patch+json"),
    Refused("Bodies in protobuf", 415, "protobuf",
            "POST", cases.path(CONFIG), {}, "application/vnd.kubernetes.protobuf"),
    Refused("Answers in protobuf alone", 406, "",
            "GET", cases.path(CONFIG), accept="application/vnd.kubernetes.protobuf"),
    Refused("Logs", 501, "does not have logs", "GET", f"{_POD}/log"),
    Refused("`kubectl exec`, `attach`, `debug`", 501, "does not run programs",
            "POST", f"{_POD}/exec", {}),
    Refused("`kubectl port-forward`", 501, "does not forward ports",
            "POST", f"{_POD}/portforward", {}),
    Refused("Evictions, as of `kubectl drain`", 501, "does not evict",
            "POST", f"{_POD}/eviction", {}),
    Refused("`kubectl scale`", 501, "scale subresource",
            "PATCH", cases.path(DEPLOYMENT, "web") + "/scale", {}, cases.MERGE),
    Refused("Tokens of ServiceAccounts", 501, "does not issue tokens",
            "POST", cases.path(OF_KIND["ServiceAccount"], "web") + "/token", {}),
    Refused("Impersonation, so no `serviceAccountName` of a Package", 501, "impersonate",
            "GET", "/api/v1/namespaces", impersonate="ada"),
    Refused("Admission webhooks", 422, "the sandbox",
            "POST", f"{_HOOKS}/validatingwebhookconfigurations",
            _policy("ValidatingWebhookConfiguration")),
    Refused("Definitions with a conversion webhook", 422, "the sandbox",
            "POST", _DEFINITIONS, changed(GIFTS, spec__conversion={"strategy": "Webhook"})),
    Refused("Definitions with CEL rules", 422, "the sandbox",
            "POST", _DEFINITIONS, changed(GIFTS, spec__versions=[_WITH_RULE])),
    Refused("Bodies of more than 3 MiB, as on a cluster", 413, "limit is 3145728",
            "POST", cases.path(CONFIG), {"data": {"a": "x" * 3 * 1024 * 1024}}),
)  # fmt: skip
