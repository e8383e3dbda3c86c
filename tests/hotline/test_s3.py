"""The S3-compatible store: signatures against AWS's published examples, behaviour against a server that checks them.

With `MOTO_SERVER=/path/to/moto_server` (`pip install 'moto[s3,server]'` in an environment of its own: it would downgrade
ours) the same behaviour is tested against moto, which checks every signature with botocore.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hotline.assembly import make_core
from hotline.clock import SystemClock
from hotline.database import Database
from hotline.errors import NotFound, Unavailable
from hotline.s3 import Credentials, S3Store, sign
from hotline.settings import Settings
from tests.pictures import png
from tests.ports import free_port
from ticketing.attachment import removal
from ticketing.attachment.service import delete_attachments, store
from ticketing.ticket.models import Attachment

EMPTY = hashlib.sha256(b"").hexdigest()
KEY = "files/ab/" + "ab" * 32
SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
S3 = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rsplit("Signature=", 1)[1]


def test_signature_of_the_suites_get_vanilla() -> None:
    """AWS Signature Version 4 test suite, get-vanilla."""
    found = sign(SUITE, "GET", "/", {"Host": "example.amazonaws.com"}, EMPTY, datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    assert signature(found) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


def test_signature_of_the_get_example_of_s3() -> None:
    """Amazon S3 API reference, «Authenticating requests: using the Authorization header», GET Object."""
    headers = {"Host": "examplebucket.s3.amazonaws.com", "Range": "bytes=0-9", "x-amz-content-sha256": EMPTY}
    found = sign(S3, "GET", "/test.txt", headers, EMPTY, datetime(2013, 5, 24, tzinfo=UTC))
    assert signature(found) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def test_signature_of_the_put_example_of_s3() -> None:
    """The same page, PUT Object."""
    body = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    headers = {
        "Host": "examplebucket.s3.amazonaws.com", "Date": "Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-content-sha256": body, "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }  # fmt: skip
    found = sign(S3, "PUT", "/test%24file.text", headers, body, datetime(2013, 5, 24, tzinfo=UTC))
    assert signature(found) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"


@asynccontextmanager
async def small_server() -> AsyncIterator[str]:
    """Keeps objects in a dictionary; a body that is not the signed one is refused."""
    objects: dict[str, bytes] = {}

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        told = request.headers
        if not told["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={S3.access_key}/") or (
            hashlib.sha256(body).hexdigest() != told["X-Amz-Content-Sha256"]
        ):
            return web.Response(status=403)
        if request.method == "PUT":
            objects[request.path] = body
            return web.Response()
        if request.method == "DELETE":
            objects.pop(request.path, None)
            return web.Response(status=204)
        found = objects.get(request.path)
        return web.Response(status=404) if found is None else web.Response(body=found)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


@asynccontextmanager
async def moto_server() -> AsyncIterator[str]:
    """moto with its access control on after four requests (user, key, right, bucket): then a wrong signature is refused."""
    port = free_port()
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "4"}
    command = [os.environ["MOTO_SERVER"], "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(  # noqa: ASYNC220 - starts at once
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def behaves(files: S3Store) -> None:
    assert not await files.exists(KEY)
    with pytest.raises(NotFound):
        await anext(files.read(KEY))
    body = os.urandom(700_000)
    await files.put(KEY, body)
    await files.put(KEY, body)
    assert await files.exists(KEY)
    assert b"".join([piece async for piece in files.read(KEY)]) == body
    await files.delete(KEY)
    await files.delete(KEY)
    assert not await files.exists(KEY)
    assert files.local(KEY) is None


async def test_put_read_delete() -> None:
    async with small_server() as address:
        await behaves(S3Store(address, "hotline", S3, SystemClock()))
        with pytest.raises(Unavailable):
            await S3Store(address, "hotline", Credentials("somebody", "else", "us-east-1"), SystemClock()).exists(KEY)


async def test_a_store_that_does_not_answer_is_unavailable_not_a_defect() -> None:
    files = S3Store(f"http://127.0.0.1:{free_port()}", "hotline", S3, SystemClock())
    for attempt in (files.put(KEY, b"x"), files.delete(KEY), files.exists(KEY), anext(files.read(KEY))):
        with pytest.raises(Unavailable):
            await attempt


async def test_attachments_lie_in_the_store_and_go_from_there(settings: Settings, database: Database) -> None:
    async with small_server() as address:
        remote = {"s3_endpoint": address, "s3_bucket": "hotline", "s3_access_key": S3.access_key, "s3_secret_key": S3.secret_key}
        core = make_core(Settings(**{**settings.model_dump(), **remote}))
        async with database.transaction() as session:
            kept = await store(core, settings, session, body=png(), file_name="a.png", from_citizen=True)
        assert await core.files.exists(kept.path)
        assert not (core.data_dir / "files").exists()
        async with database.transaction() as session:
            await delete_attachments(core, session, [await session.get_one(Attachment, kept.id)], why="erased")
        assert await removal.run(core, database) == 1
        assert not await core.files.exists(kept.path)


@pytest.mark.skipif(not Path(os.environ.get("MOTO_SERVER", "/nowhere")).is_file(), reason="MOTO_SERVER is not set")
async def test_against_moto_which_checks_every_signature() -> None:
    async with moto_server() as address:
        iam = Credentials("any", "any", "us-east-1", "iam")
        keys = {}
        for action in ("CreateUser&UserName=hotline", "CreateAccessKey&UserName=hotline"):
            keys = _post(address, f"Action={action}&Version=2010-05-08".encode(), iam)
        allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
        rights = quote(json.dumps(allow), safe="")
        _post(address, f"Action=PutUserPolicy&UserName=hotline&PolicyName=p&PolicyDocument={rights}&Version=2010-05-08".encode(), iam)
        who = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], "us-east-1")
        bucket = S3Store(address, "", who, SystemClock())
        await bucket._simple("PUT", "hotline", fine=(200,))
        await behaves(S3Store(address, "hotline", who, SystemClock()))
        wrong = S3Store(address, "hotline", Credentials(who.access_key, "wrong", "us-east-1"), SystemClock())
        with pytest.raises(Unavailable):
            await wrong.put(KEY, b"x")


def _post(address: str, body: bytes, who: Credentials) -> dict[str, str]:
    import re

    host = address.removeprefix("http://")
    digest = hashlib.sha256(body).hexdigest()
    headers = {"Host": host, "Content-Type": "application/x-www-form-urlencoded"}
    signed = sign(who, "POST", "/", headers, digest, datetime.now(UTC))
    request = urllib.request.Request(f"{address}/", data=body, headers=signed, method="POST")
    with urllib.request.urlopen(request, timeout=20) as response:
        return dict(re.findall(r"<(AccessKeyId|SecretAccessKey)>([^<]+)<", response.read().decode()))
