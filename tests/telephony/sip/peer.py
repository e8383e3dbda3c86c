"""A SIP peer made by hand: every byte that it sends is the test's own, so that ours is not tested against itself."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
from dataclasses import dataclass

Address = tuple[str, int]


@dataclass
class Reply:
    """What came back, cut up with the simplest means."""

    raw: bytes

    @property
    def start(self) -> str:
        return self.raw.split(b"\r\n", 1)[0].decode()

    @property
    def status(self) -> int:
        words = self.start.split(" ")
        return int(words[1]) if words[0] == "SIP/2.0" else 0

    @property
    def method(self) -> str:
        return "" if self.status else self.start.split(" ")[0]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def all(self, name: str) -> list[str]:
        head = self.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
        return re.findall(rf"^{name}: (.*?)\r?$", head, re.MULTILINE)

    def get(self, name: str) -> str:
        values = self.all(name)
        return values[0] if values else ""

    @property
    def to_tag(self) -> str:
        match = re.search(r";tag=([^;]+)", self.get("To"))
        return match[1] if match else ""

    @property
    def audio_port(self) -> int:
        match = re.search(rb"m=audio (\d+)", self.body)
        assert match
        return int(match[1])

    @property
    def cseq(self) -> str:
        return self.get("CSeq")


class _Inbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.queue.put_nowait((data, addr))


SDP = "v=0\r\no=x 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{lines}"


class Peer:
    """Two sockets: one for SIP, one for RTP."""

    def __init__(self, target: Address, transport: asyncio.DatagramTransport, inbox: _Inbox, media: socket.socket) -> None:
        self.target = target
        self.transport = transport
        self.inbox = inbox
        self.media = media
        self.host, self.port = transport.get_extra_info("sockname")
        self.media_port: int = media.getsockname()[1]
        self.call_id = secrets.token_hex(8)
        self.tag = secrets.token_hex(4)
        self.branch = ""
        self.remote_tag = ""
        self.extra = ""
        self.sequence = 0

    @classmethod
    async def open(cls, target: Address, host: str) -> Peer:
        transport, inbox = await asyncio.get_running_loop().create_datagram_endpoint(_Inbox, local_addr=(host, 0))
        media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        media.bind((host, 0))
        media.setblocking(False)
        return cls(target, transport, inbox, media)

    def close(self) -> None:
        self.transport.close()
        self.media.close()

    # SIP

    def sdp(self, formats: str = "8 101", lines: str = "a=rtpmap:101 telephone-event/8000\r\n", direction: str = "") -> str:
        body = SDP.format(host=self.host, port=self.media_port, formats=formats, lines=lines)
        return body + (f"a={direction}\r\n" if direction else "")

    def send(self, text: str | bytes) -> None:
        self.transport.sendto(text.encode() if isinstance(text, str) else text, self.target)

    def request(
        self, method: str, cseq: int, body: str = "", *, content_type: str = "application/sdp", headers: str = "", branch: str = ""
    ) -> str:
        """Send a request; returns its text."""
        self.branch = branch or "z9hG4bK" + secrets.token_hex(6)
        to = f"<sip:12345@{self.target[0]}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        text = (
            f"{method} sip:12345@{self.target[0]}:{self.target[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch={self.branch};rport\r\n"
            f'From: "Test" <sip:13900001111@{self.host}>;tag={self.tag}\r\nTo: {to}\r\nCall-ID: {self.call_id}\r\n'
            f"CSeq: {cseq} {method}\r\nContact: <sip:test@{self.host}:{self.port}>\r\nMax-Forwards: 70\r\n{headers}"
            + (f"Content-Type: {content_type}\r\n" if body else "")
            + f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )
        self.send(text)
        return text

    async def receive(self, timeout: float = 2.0) -> Reply:
        data, _ = await asyncio.wait_for(self.inbox.queue.get(), timeout)
        return Reply(data)

    async def expect(self, status: int, method: str = "", timeout: float = 3.0) -> Reply:
        """The next message with this status (of this method), skipping provisional and repeated ones."""
        async with asyncio.timeout(timeout):
            while True:
                reply = await self.receive(timeout)
                if reply.status == status and reply.cseq.endswith(method):
                    return reply
                assert reply.status < 200 or reply.status == 200, f"got {reply.start} instead of {status}"

    async def expect_any(self, method: str, *, status: int = 0, timeout: float = 3.0) -> Reply:
        """The final answer to a request with this method, whatever it is unless `status` says so."""
        async with asyncio.timeout(timeout):
            while True:
                reply = await self.receive(timeout)
                if reply.status >= 200 and reply.cseq.endswith(method):
                    assert status in (0, reply.status), f"got {reply.start} instead of {status}"
                    return reply

    async def expect_request(self, method: str, timeout: float = 3.0) -> Reply:
        async with asyncio.timeout(timeout):
            while (reply := await self.receive(timeout)).method != method:
                pass
            return reply

    async def silence(self, seconds: float) -> list[Reply]:
        """Everything that comes in this time."""
        await asyncio.sleep(seconds)
        found = []
        while not self.inbox.queue.empty():
            found.append(Reply(self.inbox.queue.get_nowait()[0]))
        return found

    def respond(self, request: Reply, status: str, body: str = "", headers: str = "") -> None:
        """Answer a request of the phone."""
        to = request.get("To")
        if "tag=" not in to:
            to += f";tag={self.tag}"
        vias = "".join(f"Via: {via}\r\n" for via in request.all("Via"))
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.send(
            f"SIP/2.0 {status}\r\n{vias}From: {request.get('From')}\r\nTo: {to}\r\nCall-ID: {request.get('Call-ID')}\r\n"
            f"CSeq: {request.cseq}\r\nContact: <sip:test@{self.host}:{self.port}>\r\n{headers}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    async def call(self, body: str | None = None, *, headers: str = "") -> Reply:
        """INVITE, 200, ACK: the 200."""
        self.request("INVITE", 1, self.sdp() if body is None else body, headers=headers)
        answer = await self.expect(200, "INVITE")
        self.remote_tag = answer.to_tag
        self.request("ACK", 1)
        return answer

    async def hang_up(self, cseq: int = 90) -> Reply:
        self.request("BYE", cseq)
        return await self.expect(200, "BYE")

    # RTP

    def rtp(self, port: int, payload: bytes, *, kind: int = 8, timestamp: int = 0, sequence: int | None = None, source: int = 7) -> None:
        """Send one packet to the phone's media port."""
        if sequence is None:
            sequence = self.sequence = self.sequence + 1
        packet = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, timestamp, source) + payload
        self.media.sendto(packet, (self.target[0], port))

    async def media_flows(self) -> None:
        """Until the phone's first packet: from then on it listens, too."""
        async with asyncio.timeout(3):
            while not self.drain_rtp():
                await asyncio.sleep(0.01)

    async def senders(self, seconds: float) -> int:
        """How many send to us, each 50 packets a second: 0 is silence, 2 a call whose sound was doubled. By the time that really passed."""
        loop = asyncio.get_running_loop()
        self.drain_rtp()
        began = loop.time()
        await asyncio.sleep(seconds)
        return round(len(self.drain_rtp()) / (loop.time() - began) / 50)

    def drain_rtp(self) -> list[bytes]:
        """All packets that came so far."""
        packets = []
        while True:
            try:
                packets.append(self.media.recv(2048))
            except BlockingIOError:
                return packets
