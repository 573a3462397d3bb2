"""Runs etcd and kube-apiserver on loopback, and the controller manager on demand.

Never uses a fake, and never anything of the agent: what a test learns here is Kubernetes' answer.

    python tests/control_plane/server.py [--controllers]

starts one for a developer, prints the path of a kubeconfig, and runs until Ctrl-C.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Self

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from control_plane import audit, users
from control_plane.build import Assets, AssetsMissingError, find
from control_plane.client import Client
from control_plane.kubelet import Kubelet
from control_plane.processes import Server, ServerDiedError, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ADMIN = "admin"
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
)
_START_SECONDS = 60
_PORT_ATTEMPTS = 5
_MASTERS = "system:masters"


class ControlPlane:
    """One control plane in one folder.

    As a context manager it starts the servers and ends them. Without `with`, it is a handle on one
    that another process has started in that folder: everything else works the same.
    """

    def __init__(self, folder: Path, assets: Assets | None = None) -> None:
        self.folder = folder
        self.assets = assets or find()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for folder in (self._users, self.folder / "kubeconfigs"):
            folder.mkdir(parents=True)
        _write_credentials(self.folder)
        with ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def url(self) -> str:
        """The address of the API server."""
        return (self.folder / "url").read_text()

    @property
    def ca(self) -> Path:
        """The certificate that clients trust."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def token(self) -> str:
        """The bearer token of `admin`, who may do everything."""
        return self._token(ADMIN)

    def user(self, name: str, *groups: str) -> str:
        """Make a token for a user of that name and groups; RBAC decides what they may do."""
        return users.mint(self._users, name, groups)

    def kubeconfig(
        self, user: str = ADMIN, *groups: str, token: str = "", namespace: str = "default"
    ) -> Path:
        """Write a kubeconfig for `admin`, for a new token of `user`, or for the given token."""
        if not token:
            token = self.token if user == ADMIN else self.user(user, *groups)
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        context = {"cluster": "test", "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": context}],
            "current-context": "test",
        }
        path = self.folder / "kubeconfigs" / secrets.token_hex(8)
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def client(
        self, user: str = ADMIN, *groups: str, token: str = "", user_agent: str = "test"
    ) -> Client:
        """Give a plain HTTP client; users as in `kubeconfig`."""
        if not token:
            token = self.token if user == ADMIN else self.user(user, *groups)
        return Client(self.url, self.ca, token, user_agent)

    def run_kubectl(
        self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as admin unless a kubeconfig says otherwise, and give all that came back."""
        config = kubeconfig or self.kubeconfig()
        own = {"KUBECONFIG": str(config), "KUBECACHEDIR": str(self.folder / "kubectl-cache")}
        return subprocess.run(
            [self.assets.program("kubectl"), *arguments],
            input=stdin,
            env={**os.environ, **own, "KUBECTL_KUBERC": "false"},
            capture_output=True,
            text=True,
            check=False,
        )

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        kubeconfig: Path | None = None,
        check: bool = True,
    ) -> str:
        """Run kubectl and give what it printed.

        Raises:
            AssertionError: it failed and `check` is set; the message holds its errors.
        """
        done = self.run_kubectl(*arguments, stdin=stdin, kubeconfig=kubeconfig)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def marker(self) -> int:
        """Give the present end of the audit log, for `audit(since=...)`."""
        return (self.folder / "audit.log").stat().st_size

    def audit(
        self,
        since: int = 0,
        *,
        user_agent_prefix: str = "tidegate/",
        user: str = "",
        namespace: str = "",
    ) -> list[audit.Request]:
        """Give the requests since a marker; those whose answer was read whole are all there.

        Tests in parallel share the server: a user of its own tells a test's requests apart.
        """
        return [
            request
            for request in audit.read(self.folder / "audit.log", since)
            if request.user_agent.startswith(user_agent_prefix)
            and user in ("", request.user)
            and namespace in ("", request.namespace)
        ]

    def wait_for_audit(
        self, since: int, claim: Callable[[list[audit.Request]], bool], *, user: str, seconds: float
    ) -> list[audit.Request]:
        """Give a user's requests since a marker as soon as a claim about them holds.

        A watch shows a write before the server answers it, and so before it is in the log, which
        has no way to say that it grew.
        """
        pause = threading.Event()
        for _ in range(int(seconds * 20)):
            if claim(asked := self.audit(since, user=user)):
                return asked
            pause.wait(0.05)
        raise TimeoutError(f"the audit log is not as expected after {seconds} s: {asked[-20:]}")

    @contextmanager
    def controller_manager(self, controllers: Sequence[str] = CONTROLLERS) -> Iterator[Server]:
        """Run these controllers meanwhile; not nested, for a second one waits for the first to end.

        Two at once would do all work twice. Without them the server's own ClusterRoles `admin`,
        `edit` and `view` are empty (they are aggregated), and deleted namespaces stay.
        """
        arguments = [
            f"--kubeconfig={self.kubeconfig('kube-controller-manager', _MASTERS)}",
            f"--controllers={','.join(controllers)}",
            f"--service-account-private-key-file={self.folder / 'service-accounts.key'}",
            "--leader-elect=false",
            "--kube-api-qps=2000",
            "--kube-api-burst=4000",
            "--secure-port=0",
        ]
        program = self.assets.program("kube-controller-manager")
        with (self.folder / "controller-manager.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = Server(program, arguments, self.folder / "controller-manager.log")
            try:
                yield server
                server.check()
            finally:
                server.kill()

    @contextmanager
    def without_controllers(self) -> Iterator[None]:
        """Let no controller manager run meanwhile: it works in every test's namespace."""
        with (self.folder / "controller-manager.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def kubelet(self, namespace: str = "") -> Kubelet:
        """Give the stand-in for nodes, in one namespace or all: `with control_plane.kubelet():`."""
        token = self._token("test-kubelet")
        return Kubelet(self.client(token=token, user_agent="test-kubelet"), namespace)

    @property
    def _users(self) -> Path:
        return self.folder / "users"

    def _token(self, user: str) -> str:
        lines = (self.folder / "tokens.csv").read_text().splitlines()
        return next(line.split(",")[0] for line in lines if line.split(",")[1] == user)

    def _start(self, running: ExitStack) -> None:
        reviews = users.TokenReviews(self._users)
        running.callback(reviews.close)
        webhook = self.folder / "token-reviews.json"
        webhook.write_text(json.dumps(_webhook(reviews.url)))
        for attempt in range(_PORT_ATTEMPTS):
            try:
                running.push(self._start_servers(free_ports(3), attempt))
            except ServerDiedError as error:
                # Somebody else took a port between our look and the server's bind.
                last = attempt + 1 == _PORT_ATTEMPTS
                if last or "address already in use" not in str(error):
                    raise
            else:
                return

    def _start_servers(self, ports: list[int], attempt: int) -> ExitStack:
        with ExitStack() as starting:
            etcd_log = self.folder / f"etcd-{attempt}.log"
            data = self.folder / f"etcd-{attempt}"
            etcd = Server(self.assets.program("etcd"), _etcd_arguments(data, *ports[:2]), etcd_log)
            starting.callback(etcd.kill)
            # Its own log, not its port: the port may answer because another etcd has it.
            _until(lambda: "ready to serve client requests" in etcd_log.read_text(), etcd)
            api_server = Server(
                self.assets.program("kube-apiserver"),
                _api_server_arguments(self.folder, etcd_port=ports[0], port=ports[2]),
                self.folder / f"kube-apiserver-{attempt}.log",
            )
            starting.callback(api_server.kill)
            url = f"https://127.0.0.1:{ports[2]}"
            _until(lambda: self._is_ready(url), etcd, api_server)
            (self.folder / "url").write_text(url)
            return starting.pop_all()

    def _is_ready(self, url: str) -> bool:
        if not self.ca.exists():
            return False
        try:
            return Client(url, self.ca, self.token, "test").get("/readyz").code == 200
        except (OSError, HTTPException):  # half a certificate, half a start
            return False


def _until(claim: Callable[[], bool], *servers: Server) -> None:
    """Wait until the claim holds while the servers live."""
    pause = threading.Event()
    for _ in range(_START_SECONDS * 20):
        for server in servers:
            server.check()
        if claim():
            return
        pause.wait(0.05)
    logs = "\n".join(server.log_tail() for server in servers)
    raise ServerDiedError(f"not ready after {_START_SECONDS} s:\n{logs}")


def _etcd_arguments(data: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def _api_server_arguments(folder: Path, *, etcd_port: int, port: int) -> list[str]:
    key = folder / "service-accounts.key"
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--cert-dir={folder / 'certificates'}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--authentication-token-webhook-config-file={folder / 'token-reviews.json'}",
        "--authentication-token-webhook-version=v1",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        # Without controllers nobody makes the `default` ServiceAccount that it would demand.
        "--disable-admission-plugins=ServiceAccount",
        # Loopback is no valid endpoint address; the server would complain forever.
        "--endpoint-reconciler-type=none",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=100000",  # MB: a rotation would move every marker
    ]


def _write_credentials(folder: Path) -> None:
    tokens = [
        f"{secrets.token_hex(16)},{user},{user},{_MASTERS}" for user in (ADMIN, "test-kubelet")
    ]
    for name, text in (
        ("tokens.csv", "\n".join(tokens)),
        ("service-accounts.key", _new_elliptic_key()),
        ("audit-policy.yaml", audit.POLICY),
    ):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)


def _new_elliptic_key() -> str:
    """Make a P-256 key as PEM without any library: RFC 5915 lets the public half be left out."""
    secret = b"\x00" + secrets.token_bytes(31)  # below the curve's order, whatever the rest is
    der = b"\x30\x31\x02\x01\x01\x04\x20" + secret + bytes.fromhex("a00a06082a8648ce3d030107")
    kind = "EC PRIVATE KEY"
    return f"-----BEGIN {kind}-----\n{base64.b64encode(der).decode()}\n-----END {kind}-----\n"


def _webhook(url: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "reviews", "cluster": {"server": url}}],
        "contexts": [{"name": "reviews", "context": {"cluster": "reviews"}}],
        "current-context": "reviews",
    }


def main() -> int:
    """Run a control plane until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run a real control plane until Ctrl-C.")
    parser.add_argument(
        "--controllers", action="store_true", help="also run controllers, and make pods ready"
    )
    chosen = parser.parse_args()
    ending = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    with ExitStack() as running:
        scratch = running.enter_context(tempfile.TemporaryDirectory(prefix="control-plane-"))
        try:
            plane = running.enter_context(ControlPlane(Path(scratch)))
        except AssetsMissingError as error:
            sys.stderr.write(f"{error}\n")
            return 3
        if chosen.controllers:
            running.enter_context(plane.controller_manager())
            running.enter_context(plane.kubelet())
        sys.stdout.write(f"{plane.kubeconfig()}\n")
        sys.stdout.flush()
        sys.stderr.write(f"{plane.url} is ready; Ctrl-C ends it\n")
        signal.sigwait(ending)
    return 0


if __name__ == "__main__":
    sys.exit(main())
