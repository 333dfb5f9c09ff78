"""The documents a person agrees to can be read without signing in and without a script, and name who runs this."""

from __future__ import annotations

import re

import pytest

from studio.config import settings as ours
from tests.http.people import visitor
from tests.system import System


@pytest.mark.parametrize(("path", "title", "sections"), [("/privacy", "Privacy policy", 10), ("/terms", "Terms", 7)])
async def test_a_document_is_whole_without_a_script(system: System, path: str, title: str, sections: int):
    async with visitor(system) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert f"<h1>{title}</h1>" in answer.text
    assert re.findall(r"<h2>(\d+)\. ", answer.text) == [str(n) for n in range(1, sections + 1)]
    assert "<script" not in answer.text
    assert "not been reviewed by counsel" in answer.text
    assert f"mailto:{ours().legal_contact}" in answer.text


async def test_the_policy_says_what_this_installation_does(system: System):
    async with visitor(system) as client:
        text = (await client.get("/privacy")).text
    assert "local simulator" in text, "no key is set here"
    assert f"mailto:{ours().privacy_contact}" in text
    assert ours().region in text
    assert f"after {ours().session_idle_days} days without use" in text
