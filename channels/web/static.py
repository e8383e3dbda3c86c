"""Static files with the hash of their content in the address, so that browsers may keep them for a year."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from hotline.errors import NotFound
from hotline.i18n import _

PROJECT = Path(__file__).resolve().parents[2]
NODE_MODULES = PROJECT / "node_modules"
_OWN = Path(__file__).parent / "static"
_VENDOR = {
    "js/htmx.js": "htmx.org/dist/htmx.min.js",
    "js/htmx-sse.js": "htmx.org/dist/ext/hx-sse.min.js",
    "js/echarts.js": "echarts/dist/echarts.common.min.js",
}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".ico": "image/x-icon"}


@dataclass(frozen=True)
class _Asset:
    body: bytes
    digest: str
    content_type: str


class Assets:
    """Every static file of the web front, read once. `url(name)` is what templates print."""

    def __init__(self) -> None:
        """Read our own files at once; those of node_modules when first asked for, so that tests run without them."""
        self._loaded: dict[str, _Asset] = {}
        for path in sorted(_OWN.rglob("*")):
            if path.is_file():
                self._load(path.relative_to(_OWN).as_posix(), path)

    def _load(self, name: str, path: Path) -> _Asset:
        body = path.read_bytes()
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        asset = _Asset(body, hashlib.sha256(body).hexdigest()[:12], kind)
        self._loaded[name] = asset
        return asset

    def _find(self, name: str) -> _Asset | None:
        if name in self._loaded:
            return self._loaded[name]
        source = _VENDOR.get(name)
        path = NODE_MODULES / source if source else None
        return self._load(name, path) if path and path.is_file() else None

    def url(self, name: str) -> str:
        """Address of `name` with its hash; without one while the file is missing (npm packages not installed)."""
        asset = self._find(name)
        return f"/static/{asset.digest}/{name}" if asset else f"/static/0/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """GET /static/{digest}/{name}. An old hash still gets the file, but is not kept."""
        asset = self._find(request.match_info["name"])
        if asset is None:
            raise NotFound(_("没有这个文件"))
        current = request.match_info["digest"] == asset.digest
        keep = "public, max-age=31536000, immutable" if current else "no-cache"
        charset = "utf-8" if asset.content_type.startswith("text/") else None
        return web.Response(body=asset.body, content_type=asset.content_type, charset=charset, headers={"Cache-Control": keep})
