"""Git over SSH for tests: a real sshd with keys of its own; never touches anybody's settings.

We listen, and start `sshd -i` for each connection: no port can be taken from us, and there is
nothing to wait for. A login is one of the user who runs the tests, by the one key that is allowed.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socketserver
import subprocess
from pathlib import Path
from typing import Final, Self

from git_server import _Threaded

PRIVILEGE_SEPARATION: Final = Path("/run/sshd")
"""An empty folder that an sshd of root locks its network half into; made at boot."""
_SETTINGS: Final = """
HostKey "{folder}/host"
AuthorizedKeysFile "{folder}/authorized_keys"
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
PrintMotd no
LogLevel VERBOSE
AcceptEnv GIT_PROTOCOL
SetEnv GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
"""


class SshdMissingError(Exception):
    """There is no sshd to test with; the message says what to do."""


def find_sshd() -> Path:
    """Give the path of sshd.

    Raises:
        SshdMissingError: it is not installed, or can't run as this user.
    """
    found = shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))
    if found is None:
        raise SshdMissingError("there is no sshd: install openssh-server")
    if os.geteuid() == 0 and not PRIVILEGE_SEPARATION.is_dir():
        raise SshdMissingError(f"sshd wants {PRIVILEGE_SEPARATION}: make that folder")
    return Path(found)


class GitSSH:
    """SSH into this machine, with a host key and an allowed key made for it; a context manager.

    `connections` counts who came, let in or not.
    """

    def __init__(self, sshd: Path, folder: Path) -> None:
        folder.mkdir()
        self.connections = 0
        self._folder = folder
        self._command = [str(sshd), "-i", "-e", "-f", str(folder / "sshd_config")]
        (folder / "sshd_config").write_text(_SETTINGS.format(folder=folder))
        allowed = f"restrict {make_key(folder / 'client')}"
        self._host = make_key(folder / "host")
        (folder / "authorized_keys").write_text(allowed)
        (folder / "log").touch()
        self._server = _Listener(self)

    def __enter__(self) -> Self:
        self._server.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.end()

    @property
    def port(self) -> int:
        """Where it listens on the loopback."""
        return int(self._server.server_address[1])

    @property
    def log(self) -> str:
        """What sshd said so far."""
        return (self._folder / "log").read_text()

    def url(self, repository: Path) -> str:
        """Give the address of a repository on this machine's disk."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{repository}"

    def credentials(self, folder: Path) -> Path:
        """Fill a folder as a Secret is mounted: the allowed key, and who the server is."""
        folder.mkdir()
        shutil.copy(self._folder / "client", folder / "ssh-privatekey")
        self.introduce(folder, self._host)
        return folder

    def introduce(self, folder: Path, key: str) -> None:
        """Say in a folder of credentials that this is the server's key."""
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {key}")

    def serve(self, connection: int) -> None:
        """Let sshd talk on a connection until it ends."""
        self.connections += 1
        with (
            (self._folder / "log").open("ab") as log,
            subprocess.Popen(
                self._command, stdin=connection, stdout=connection, stderr=log
            ) as process,
        ):
            process.wait()


def make_key(path: Path) -> str:
    """Make a key without a password; gives the line of its public half."""
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub").read_text()


class _Listener(_Threaded):
    def __init__(self, front: GitSSH) -> None:
        self.front = front
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        self.server.front.serve(self.request.fileno())
