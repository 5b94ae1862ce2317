"""Pages in a real browser: the script runs, nothing is reported, nothing is fetched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in _NAMES if (path := shutil.which(name))), None)

#: What a page says on the console, and what the policy forbids, is a line with this.
CONSOLE = "CONSOLE"


def browse(page: Path, tmp_path: Path, *options: str, fragment: str = "") -> tuple[str, str]:
    """The output of a browser, and its log."""
    assert BROWSER
    done = subprocess.run(
        [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr",
            "--virtual-time-budget=5000",
            f"--user-data-dir={tmp_path / 'profile'}",
            *options,
            f"{page.as_uri()}{fragment}",
        ],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def driven(report: Path, script: str) -> Path:
    """The page with one more script, and without the policy that forbids it."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", report.read_text(encoding="utf-8"))
    path = report.with_name("driven.html")
    path.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return path


def requests(page: Path, tmp_path: Path) -> set[str]:
    """Requests of a page to the network; those of the browser itself have no origin."""
    log = tmp_path / "net.json"
    browse(page, tmp_path, "--dump-dom", f"--log-net-log={log}")
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    return {found["url"] for found in events if found.get("initiator", "not an origin") != "not an origin"}
