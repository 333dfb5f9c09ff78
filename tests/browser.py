"""Finds the Chromium that the browser tests drive, or installs Debian's when it may.

`python -m tests.browser --ensure` is what `make test` runs first: it prints nothing when all is well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
PLACES = (
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Quiet (no calls to any host) and able to run as root in a container.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoChromiumError(Exception):
    """The browser tests need Chromium. Install it (Debian: apt-get install chromium), or name one in CHROME_PATH."""


def find() -> Path | None:
    """An installed Chromium: the one CHROME_PATH names, one on the PATH, a usual place, or playwright's own."""
    if named := os.environ.get("CHROME_PATH"):
        return Path(named) if os.access(named, os.X_OK) else None
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    for place in PLACES:
        if os.access(place, os.X_OK):
            return Path(place)
    return _playwrights_own()


def _playwrights_own() -> Path | None:
    base = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found = sorted(base.glob("chromium-*/chrome-linux*/chrome"))
    return found[-1] if found else None


def ensure() -> Path:
    """Find a Chromium; as root on Debian install one when there is none.

    Raises:
        NoChromiumError: there is none, and none may be installed.
    """
    if found := find():
        return found
    apt = shutil.which("apt-get")
    if apt is not None and os.geteuid() == 0 and not os.environ.get("CHROME_PATH"):
        sys.stdout.write("Installing Chromium for the browser tests, once.\n")
        sys.stdout.flush()
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["-y", "install", "--no-install-recommends", "chromium"]):
            subprocess.run([apt, "-qq", *command], env=env, check=False, stdout=subprocess.DEVNULL)
        if found := find():
            return found
    raise NoChromiumError(NoChromiumError.__doc__)


if __name__ == "__main__":
    try:
        where = ensure()
    except NoChromiumError as error:
        sys.exit(str(error))
    if "--ensure" not in sys.argv:
        sys.stdout.write(f"{where}\n")
