"""Packages of npm that tests and benchmarks run, each installed once into the cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.system import ROOT


class NoNodeError(Exception):
    """This needs Node.js 20 or newer with npm. Install them, then run it again."""


def installed(package: str, version: str) -> Path:
    """The folder in which `node_modules` has this version of a package.

    Raises:
        NoNodeError: there is no Node.js here.
        RuntimeError: npm could not install it; the message ends with what npm said.
    """
    place = ROOT / ".cache" / "npm" / f"{package}-{version}"
    if (place / "node_modules" / package / "package.json").exists():
        return place
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise NoNodeError(NoNodeError.__doc__)
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", f"{package}@{version}"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"npm could not install {package}: {done.stderr[-2000:]}")
    return place
