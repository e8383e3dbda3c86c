"""Takes a picture of every page and every form of a running demo and writes down what a machine can see to be wrong.

Pictures are WebP files named role-page-width, with an index README.md; a page that an earlier role showed alike is not taken again.
Each role follows every link from its first page; of pages that differ only in a number or a filter (tickets, people, lists …)
those are taken that show a form or a panel which no picture of any role shows yet. Wrong: an answer that is no success,
sideways scroll, words that are cut off, English words, an error of a script. Nothing is changed in the demo: only GET is
asked, forms are opened but not sent.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Page, sync_playwright

ROLES = ("agent", "dispatcher", "clerk", "chief", "supervisor", "callback", "quality", "editor", "admin", "leader")
PORTAL = "citizen"
PASSWORD = "demo-12345"  # noqa: S105 - of the demo, printed when it starts
WIDTHS = (1440, 390)
TALLEST = 2400
QUALITY = 30
"""Of WebP: letters stay sharp, a page takes 20 to 60 kB."""
PAGES_OF_A_LIST = 10
PAGES_ALIKE = 3
"""So many tickets, and tracking pages of tickets, of one role; of the others only what opens on them."""
HEAVIEST_MB = 12
"""Of the whole set: it lies in the repository."""
ON_A_SHEET = 12
_GUIDE = Path(__file__).parents[2] / "docs" / "guide"
_IN_THE_GUIDE = {
    name for page in _GUIDE.glob("*.md") for name in re.findall(r"screenshots/([a-z0-9-]+)-1440", page.read_text(encoding="utf-8"))
}
"""Pictures that the guides show: taken though another role's page is alike."""
_FILLED_WHEN_OPENED = {"gallery"}
"""Dialogs that stand empty until somebody opens them by their own button."""
_SKIPPED = re.compile(r"/(attachments|export|stream|counts)/|\.(xlsx|csv|pdf|txt|json)(\?|$)|/recording$|/prefs\?|^/(api|open311)")
_ENGLISH = re.compile(r"(?<![\w.@/:*-])[A-Za-z]{3,}(?![\w.@/:*-])")
_KNOWN_ENGLISH = {"Ctrl", "Enter", "Esc", "English", "Alt", "PDF", "Excel", "CSV", "JSON", "API", "SIP", "Rasa", "MP4", "PostgreSQL"}
_FAULTS = """() => {
  const faults = [], main = document.scrollingElement;
  if (main.scrollWidth > innerWidth + 1) faults.push('sideways scroll: ' + main.scrollWidth);
  const inner = document.querySelector('.main');
  if (inner && inner.scrollWidth > inner.clientWidth + 1) faults.push('main scrolls sideways: ' + inner.scrollWidth);
  for (const item of document.querySelectorAll('body *')) {
    const style = getComputedStyle(item), box = item.getBoundingClientRect();
    if (!box.width || !box.height || style.position === 'absolute' || item.closest('.sr,.skip,[hidden],svg,.scroll')) continue;
    const text = (item.textContent || '').trim().slice(0, 30);
    if (item.scrollWidth > item.clientWidth + 1 && style.overflowX === 'hidden' && item.clientWidth && !item.matches('.clip'))
      faults.push('cut off: ' + item.tagName + '.' + item.className + ' ' + text);
    if (box.right > innerWidth + 1 && !item.children.length && text && getComputedStyle(item.parentElement).overflowX !== 'auto')
      faults.push('outside: ' + text);
    if (item.matches('button, a.btn') && !text && !item.getAttribute('aria-label')) faults.push('button without words');
  }
  return [...new Set(faults)].slice(0, 12);
}"""
_TALL = """() => { const m = document.querySelector('.main'); const d = document.documentElement;
  return m ? m.scrollHeight + 150 : d.scrollHeight; }"""


class Camera:
    """Pictures of one role's pages, at every width, and the list of faults."""

    def __init__(self, url: str, folder: Path, role: str, seen: set[str]) -> None:
        """`seen` is shared by the roles: what one of them shows is not taken again."""
        self.url, self.role, self.folder, self.seen = url, role, folder, seen
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{role}-*.webp"):
            old.unlink()
        self.faults: list[str] = []
        self.names: list[str] = []

    def look(self, page: Page, path: str) -> None:
        """Pictures of the page as it stands, and of each of its forms that no picture shows yet."""
        name = _slug(path, self.names, self.role)
        if not name.startswith(f"{self.role}-t") or not re.search(r"-\d+$", name) or int(name.rsplit("-", 1)[1]) <= PAGES_ALIKE:
            self._shoot(page, path, name)
        for dialog in _dialogs(page):
            if dialog not in self.seen:
                self.seen.add(dialog)
                page.evaluate("id => document.getElementById(id).showModal()", dialog)
                self._shoot(page, f"{path}#{dialog}", _slug(f"/form-{dialog}", self.names, self.role), whole=False)
                page.evaluate("id => document.getElementById(id).close()", dialog)

    def _shoot(self, page: Page, path: str, name: str, *, whole: bool = True) -> None:
        self.names.append(name)
        for width in WIDTHS if whole else WIDTHS[1:]:  # a form is as wide as a phone anyhow
            page.set_viewport_size({"width": width, "height": 860})
            if whole:
                page.set_viewport_size({"width": width, "height": min(TALLEST, max(860, int(page.evaluate(_TALL))))})
            shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
            (self.folder / f"{name}-{width}.webp").write_bytes(base64.b64decode(shot["data"]))
            self.faults += [f"{self.role} {path} {width}: {fault}" for fault in page.evaluate(_FAULTS)]
        words = set(_ENGLISH.findall(str(page.evaluate("() => document.body.innerText")))) - _KNOWN_ENGLISH
        if words:
            self.faults.append(f"{self.role} {path}: English: {' '.join(sorted(words)[:15])}")


def _dialogs(page: Page) -> list[str]:
    found = page.evaluate("() => [...document.querySelectorAll('dialog[id]')].map(d => d.id.replace(/[0-9a-f-]{36}$/, ''))")
    return [each for each in found if each not in _FILLED_WHEN_OPENED]


def _slug(path: str, taken: list[str], role: str) -> str:
    """A name for the page's pictures that the next run gives again: the address without numbers and without its query's values."""
    bare, _mark, query = path.partition("?")
    kept = "-".join(re.findall(r"(?:tab|queue|group|by)=([a-z_]+)", query))
    words = [word for word in re.split(r"[^a-z]+", re.sub(r"[0-9a-f-]{36}", "", f"{bare}-{kept}".lower())) if word and word != "console"]
    name = f"{role}-{'-'.join(words) or 'home'}"
    if re.match(r"/console/tickets/\d", path):
        name = f"{role}-ticket"
    count = sum(1 for other in taken if re.fullmatch(re.escape(name) + r"(-\d+)?", other))
    return f"{name}-{count + 1}" if count else name


def _parts(body: str, *, states: bool = True) -> set[str]:
    """What makes one ticket's page different from another's: its forms and panels, and with `states` the states that it names."""
    found = re.findall(r'<dialog[^>]* id="([^"]+)"|<section[^>]* aria-labelledby="([^"]+)"|data-state="([^"]+)"', body)
    return {re.sub(r"\d+|[0-9a-f-]{36}", "", "".join(part)) for part in found if states or not part[2]}


def _links(page: Page, url: str) -> list[str]:
    hrefs = page.evaluate("() => [...document.querySelectorAll('a[href]:not([download])')].map(a => a.getAttribute('href'))")
    found = []
    for href in hrefs:
        target = urlsplit(urljoin(page.url, href))
        path = target.path + (f"?{target.query}" if target.query else "")
        if f"{target.scheme}://{target.netloc}" == url and not _SKIPPED.search(path):
            found.append(path)
    return list(dict.fromkeys(found))


def _kind(path: str) -> str:
    """The path without what counts: pages of one kind look alike."""
    bare = re.sub(r"(?<=[?&])(?!tab|queue|group|by)(\w+)=[^&]*", r"\1=", path)
    bare = re.sub(r"/(policies/P-|notices-templates/)[A-Za-z0-9_-]+", r"/\1N", bare)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d[\d-]*", "N", re.sub(r"/guide/[a-z0-9-]+", "/guide/N", bare))


def walk(camera: Camera, page: Page, starts: list[str]) -> None:
    """Every page that can be reached from `starts`; of tickets those that show something new, of other numbered pages the first."""
    waiting, known, kinds, parts = list(starts), set(starts), dict[str, int](), set[str]()
    while waiting:
        path = waiting.pop(0)
        kind = _kind(path)
        kinds[kind] = kinds.get(kind, 0) + 1
        ticket, more = path.startswith("/console/tickets/1"), "after=" in path
        if kinds[kind] > 1 and not ticket and not (more and kinds[kind] <= PAGES_OF_A_LIST):
            continue
        answer = page.request.get(camera.url + path)
        if answer.status >= 400:
            camera.faults.append(f"{camera.role} {path}: answer {answer.status}")
            continue
        new = _parts(answer.text()) - parts
        if kinds[kind] > 1 and not (ticket and new) and not more:
            continue
        parts |= new
        page.goto(camera.url + path)
        shown = {f"{urlsplit(kind).path} {part}" for part in _parts(answer.text(), states=False) or {""}}
        if _slug(path, camera.names, camera.role) in _IN_THE_GUIDE or not (more or shown <= camera.seen):
            camera.seen |= shown
            camera.look(page, path)
        for link in _links(page, camera.url):
            if link not in known and (camera.role == PORTAL or link.startswith("/console")):
                known.add(link)
                waiting.append(link)


@contextmanager
def _page(browser: Any, camera: Camera) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 860}, locale="zh-CN")
    page = context.new_page()
    page.on("pageerror", lambda error: camera.faults.append(f"{camera.role} {page.url}: script: {error}"))
    yield page
    context.close()


def staff(camera: Camera, browser: Any) -> None:
    """A role of the console."""
    with _page(browser, camera) as page:
        page.goto(f"{camera.url}/console/login")
        page.fill("input[name=login]", camera.role)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/login" not in url)
        tickets = [] if camera.role in ("admin", "editor", "quality") else ["/console/tickets?queue=all", "/console/tickets?q=路"]
        walk(camera, page, ["/console", *tickets])


def citizen(camera: Camera, browser: Any, codes: Path | None) -> None:
    """The portal, and the tracking pages of the tickets in `codes.txt` (number, query code, words)."""
    with _page(browser, camera) as page:
        walk(camera, page, ["/", "/console/login"])
        page.goto(f"{camera.url}/prefs?mode=elder&to=/")
        camera.look(page, "/elder")
        page.goto(f"{camera.url}/prefs?mode=standard&to=/")
        for line in codes.read_text(encoding="utf-8").splitlines() if codes else ():
            if line.startswith("#") or not line.strip():
                continue
            number, code, what = line.split(maxsplit=2)
            page.goto(f"{camera.url}/track")
            page.fill("input[name=number]", number)
            page.fill("input[name=code]", code)
            page.click("main form button[type=submit]")
            page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
            camera.look(page, f"/track-{number[-5:]}")
            if page.query_selector("h1") is None or "/track" not in page.url:
                camera.faults.append(f"{PORTAL} {number} ({what}) did not open")
            for more in ("/track/rate", "/track/supplement"):
                if page.query_selector(f"a[href='{more}']"):
                    page.goto(camera.url + more)
                    camera.look(page, f"{more}-{number[-5:]}")
            page.goto(f"{camera.url}/track")
            page.click("form[action='/track/leave'] button")


def _index(folder: Path, taken: dict[str, list[str]]) -> None:
    """README.md of the folder: what there is of each role."""
    lines = [
        "# Pages as they look",
        "",
        "Taken from the demo city by `script/screenshots`; names and appeals are invented. 1440 and 390 px wide.",
        "",
    ]
    for role, names in taken.items():
        lines += [
            f"## {role}",
            "",
            *(
                f"- {name}: "
                + ", ".join(f"[{width}]({name}-{width}.webp)" for width in WIDTHS if (folder / f"{name}-{width}.webp").is_file())
                for name in names
            ),
            "",
        ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def _sheets(browser: Any, folder: Path, out: Path) -> int:
    """Contact sheets of the set, twelve pictures each, to be looked at in batches. Returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    page, sheets = browser.new_page(viewport={"width": 1800, "height": 1200}), 0
    for width in WIDTHS:
        pictures = sorted(folder.glob(f"*-{width}.webp"))
        for start in range(0, len(pictures), ON_A_SHEET):
            cells = "".join(
                f'<figure style="display:inline-block;width:284px;margin:6px;vertical-align:top"><img style="width:284px;max-height:560px;'
                f'object-fit:cover;object-position:top" src="data:image/webp;base64,{base64.b64encode(each.read_bytes()).decode()}">'
                f'<figcaption style="font:12px sans-serif">{each.stem}</figcaption></figure>'
                for each in pictures[start : start + ON_A_SHEET]
            )
            page.set_content(cells)
            page.screenshot(path=str(out / f"sheet-{width}-{start // ON_A_SHEET + 1:02d}.png"), full_page=True)
            sheets += 1
    return sheets


def main() -> int:
    """Read the command line, take the pictures, print the faults; 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/screenshots"))
    parser.add_argument("role", nargs="*", default=[*ROLES, PORTAL])
    parser.add_argument("--codes", type=Path, help="codes.txt of the demo's data folder")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets of the set, twelve pictures each")
    options = parser.parse_args()
    faults: list[str] = []
    taken: dict[str, list[str]] = {}
    seen: set[str] = set()
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"])
        for role in options.role:
            camera = Camera(options.url.rstrip("/"), options.folder, role, seen)
            citizen(camera, browser, options.codes) if role == PORTAL else staff(camera, browser)
            faults += camera.faults
            taken[role] = camera.names
            print(f"{role}: {len(camera.names)} pages and forms, {len(camera.faults)} faults", flush=True)
        if options.sheets:
            print(f"{_sheets(browser, options.folder, options.sheets)} sheets in {options.sheets}", flush=True)
        browser.close()
    _index(options.folder, taken)
    weight_mb = sum(each.stat().st_size for each in options.folder.glob("*.webp")) / 1_000_000
    print(f"{weight_mb:.1f} MB", flush=True)
    if weight_mb > HEAVIEST_MB:
        faults.append(f"the set weighs {weight_mb:.1f} MB, more than {HEAVIEST_MB}")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
