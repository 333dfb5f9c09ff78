"""The browser's fixtures, for the tests of this folder only."""

from tests.fixtures_browser import chromium, guest, visits

__all__ = ["chromium", "guest", "visits"]
