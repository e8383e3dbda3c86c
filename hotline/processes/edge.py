"""Kamailio, the SIP edge in front of the telephony processes: its lists, its environment, and becoming it.

Configuration: docker/kamailio/kamailio.cfg, the same file as in production. The demo and the tests run it with our
private PostgreSQL, where Kamailio's role may read one view.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hotline.children import follow_parent
from hotline.errors import HotlineError
from hotline.processes.postgres import PrivatePostgres
from hotline.settings import Settings

CONFIGURATION = Path(__file__).parents[2] / "docker" / "kamailio" / "kamailio.cfg"
DATABASE_ROLE = "hotline_edge"
_PREFIX = re.compile(r"\+?[0-9]{1,15}", re.ASCII)
_GRANT = f"""DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{DATABASE_ROLE}') THEN CREATE ROLE {DATABASE_ROLE} LOGIN; END IF;
END $$;
GRANT SELECT ON sip_subscriber TO {DATABASE_ROLE}"""


class EdgeError(HotlineError):
    """Kamailio cannot be started; the text says why and what to do."""

    status, code = 503, "edge"


def program() -> str:
    """Kamailio's path; raises `EdgeError` when it is not installed."""
    found = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise EdgeError("kamailio is not installed: apt-get install kamailio kamailio-postgres-modules, or leave the edge out")
    return found


@dataclass(frozen=True)
class Trunk:
    """A carrier's line that calls of ours go out through."""

    address: str
    """host:port"""
    channels: int = 0
    """Calls at once that it carries; 0: as many as there are."""


@dataclass(frozen=True)
class Edge:
    """One Kamailio."""

    folder: Path
    """For its list, its control socket and what it writes at run time. Its path must be short: a socket's name has 107 bytes."""
    listen: str
    """host:port"""
    processes: tuple[str, ...]
    """host:port of each telephony process."""
    trunks: tuple[str, ...] = ()
    """Addresses that may call (their port does not matter)."""
    outgoing: tuple[Trunk, ...] = ()
    """Trunks that we call through, the first one first."""
    phones: str = ""
    """Network of the agents' telephones; empty: none register."""
    database: str = ""
    """Address for Kamailio's PostgreSQL module; empty: no telephones register."""
    database_socket: str = ""
    """Folder of the server's unix socket, where there is no host in `database`."""
    dial: str = "^(1[3-9][0-9]{9}|0[0-9]{9,11}|1(10|19|20|22))$"
    """Outside numbers that may be called: mobile numbers, fixed ones with their area code, the emergency lines."""

    def write_list(self) -> Path:
        """The dispatcher's list; Kamailio reads it at start and at `kamcmd dispatcher.reload`."""
        lines = [f"1 sip:{address} 8" for address in self.processes]  # 8: asked every two seconds whether it lives
        lines += [f"2 sip:{host}:5060" for host in self.trunks]
        for number, trunk in enumerate(self.outgoing):
            limit = f" channels={trunk.channels}" if trunk.channels else ""
            lines.append(f"3 sip:{trunk.address} 0 {len(self.outgoing) - number}{limit}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / "dispatcher.list"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    @property
    def control(self) -> Path:
        """Socket for kamcmd."""
        return self.folder / "control"

    def environment(self) -> dict[str, str]:
        """What the configuration reads, and nothing of ours: keys and passwords of the service are no business of Kamailio."""
        wanted = {
            "EDGE_LISTEN": f"udp:{self.listen}",
            "EDGE_LIST": str(self.folder / "dispatcher.list"),
            "EDGE_CONTROL": f"unix:{self.control}",
            "EDGE_PHONES": self.phones,
            "EDGE_DATABASE": self.database,
            "EDGE_DIAL": self.dial,
            "PGHOST": self.database_socket,
        }
        return {"PATH": os.environ.get("PATH", os.defpath), **{name: value for name, value in wanted.items() if value}}

    def arguments(self) -> list[str]:
        """Command line in the foreground: log to stderr, little memory, one socket. Raises `EdgeError`."""
        return [program(), "-DD", "-E", "-m", "64", "-M", "8", "-Y", str(self.folder), "-f", str(CONFIGURATION)]


def of_private(server: PrivatePostgres, database: str = "hotline") -> tuple[str, str]:
    """`database` and `database_socket` for our private PostgreSQL; gives Kamailio's role its right. Raises `EdgeError`."""
    done = server.psql(_GRANT, database)
    if done.returncode != 0:
        raise EdgeError(f"the edge's database role could not be made: {done.stderr.strip()}")
    return f"postgres://{DATABASE_ROLE}@/{database}", str(server.socket_dir)


def runtime_folder(data_dir: Path) -> Path:
    """Where `Edge.folder` of an installation is: in the data folder, or beside it where that path is too long for a socket."""
    inside = data_dir.resolve() / "edge"
    if len(os.fsencode(inside / "control")) <= 100:
        return inside
    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hotline-edge-{os.getuid()}-{digest}"


def of_settings(settings: Settings) -> Edge:
    """The edge that the supervisor runs on one machine: its own telephony processes, callers and telephones of its own networks.

    Calls of ours leave through it towards HOTLINE_OUTBOUND_URI, to the numbers that the service itself allows. For production, where
    trunks call from addresses of their own, Kamailio runs by itself (docs/telephony.md). Raises `EdgeError`.
    """
    database, socket = ("", "")
    if settings.database_url is None:
        database, socket = of_private(PrivatePostgres.of(settings.data_dir))
    return Edge(
        runtime_folder(settings.data_dir),
        f"{settings.sip_host}:{settings.edge_port}",
        tuple(f"{settings.sip_host}:{port}" for port in settings.sip_ports),
        trunks=(settings.sip_host,),
        outgoing=_trunks(settings),
        dial=_allowed(settings),
        phones=f"{settings.sip_host}/32",
        database=database,
        database_socket=socket,
    )


def _trunks(settings: Settings) -> tuple[Trunk, ...]:
    _, _, address = settings.outbound_uri.partition("@")
    if not address:
        return ()
    return (Trunk(address if ":" in address else f"{address}:5060"),)


def _allowed(settings: Settings) -> str:
    """HOTLINE_OUTBOUND_PREFIXES and HOTLINE_CITIZEN_PREFIXES as Kamailio's pattern: a second lock on the same door."""
    named = {*settings.outbound_prefixes, *settings.citizen_prefixes}
    prefixes = "|".join(sorted(prefix.replace("+", "[+]") for prefix in named if _PREFIX.fullmatch(prefix)))
    return f"^({prefixes})[0-9]{{0,13}}$" if prefixes else ""


def become(edge: Edge) -> None:
    """Turn this process into Kamailio, so that its supervisor watches Kamailio itself. Raises `EdgeError`."""
    arguments = edge.arguments()
    edge.write_list()
    edge.control.unlink(missing_ok=True)
    follow_parent(signal.SIGTERM)
    os.execve(arguments[0], arguments, edge.environment())  # noqa: S606 - no shell is wanted
