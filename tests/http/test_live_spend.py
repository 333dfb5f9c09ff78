"""The Spend page follows what is charged while it is open, and only then."""

from __future__ import annotations

import json

from tests.http.people import Guest
from tests.http.wire import HYDRATE, STUDIO, Socket, connect, load
from tests.system import System

SPEND = "reflex___state____state.studio___state___spend____spend_state"
HERE = "/settings/spend"


def finished(socket: Socket, prompt: str) -> bool:
    """Whether this tab was shown the prompt's only output."""
    batches = [b for b in socket.known("batches") or [] if b["prompt"] == prompt]
    return bool(batches) and batches[0]["tiles"][0]["state"] == "done"


async def test_an_open_spend_page_follows_a_charge_and_a_page_that_was_left_reads_nothing(system: System, guest: Guest):
    async with connect(system, cookie=guest.token) as studio, connect(system, cookie=guest.token) as spend:
        await load(studio)
        spend.call(HYDRATE, path=HERE)
        await spend.until(lambda s: s.known("loaded", SPEND))
        assert spend.known("charged", SPEND) == "$0.00"

        studio.call(f"{STUDIO}.generate", form={"prompt": "a lighthouse at dusk"})
        await spend.until(lambda s: s.known("charged", SPEND) == "$0.04", seconds=30)
        assert (spend.known("held", SPEND), spend.known("total", SPEND)) == ("$0.00", "2 entries")
        assert any("a lighthouse at dusk" in json.dumps(row) for row in spend.known("entries", SPEND))

        await load(spend)  # the same tab goes to the studio page
        await studio.until(lambda s: not s.known("submitting") and finished(s, "a lighthouse at dusk"))
        spend.call(f"{STUDIO}.generate", form={"prompt": "a second lighthouse"})
        await spend.until(lambda s: finished(s, "a second lighthouse"), seconds=30)
        assert spend.known("charged", SPEND) == "$0.04"

        spend.call(HYDRATE, path=HERE)
        await spend.until(lambda s: s.known("charged", SPEND) == "$0.08")
