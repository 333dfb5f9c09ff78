"""An open Profile page shows a change of address at once, whoever made it and wherever."""

from __future__ import annotations

from tests.http.people import Guest, until, visitor
from tests.http.wire import HYDRATE, STUDIO, connect, load
from tests.system import System

PROFILE = "reflex___state____state.studio___state___profile____profile_state"
HERE = "/settings/profile"


async def test_an_open_profile_page_and_the_account_menu_follow_a_change_of_address(system: System, guest: Guest):
    new = f"new.{guest.email}"
    async with connect(system, cookie=guest.token) as studio, connect(system, cookie=guest.token) as profile:
        await load(studio)
        profile.call(HYDRATE, path=HERE)
        await profile.until(lambda s: s.known("loaded", PROFILE))
        async with connect(system, cookie=guest.token) as asking:
            asking.call(HYDRATE, path=HERE)
            await asking.until(lambda s: s.known("loaded", PROFILE))
            asking.call(f"{PROFILE}.ask_address", path=HERE, form={"email": new})
            await profile.until(lambda s: s.known("waiting_for", PROFILE) == new)
        path = await until(system, "SELECT data ->> 'link' FROM mails WHERE recipient = %s", new)
        async with visitor(system) as mailbox:
            assert (await mailbox.post(path)).status_code == 200
        await profile.until(lambda s: (s.known("email", PROFILE), s.known("waiting_for", PROFILE)) == (new, ""))
        await studio.until(lambda s: s.known("email", STUDIO) == new)
