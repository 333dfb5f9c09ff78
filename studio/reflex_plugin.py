"""A Reflex build plugin: one built front end serves on any port, behind any host, without `eval`.

Reflex bakes the backend's address into the build and keeps a few `eval` calls for features the product does not use
(dynamic components, `rx.call_script`). Both live in one generated file, `utils/state.js`. The plugin rewrites that
file and refuses to build when it no longer looks as expected, so a Reflex upgrade cannot silently undo it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reflex_base.plugins import Plugin

if TYPE_CHECKING:
    from reflex_base.plugins.base import PreCompileContext
    from typing_extensions import Unpack

STATE_JS = "utils/state.js"
MARK = "// studio: same origin, no eval\n"
EVALS = 6

_BACKEND_URL = re.compile(r"export const getBackendURL = \(url_str\) => \{\n.*?\n\};\n", re.DOTALL)
_EVAL = re.compile(r"(?<![\w.])eval(?:\?\.)?\(")

_SAME_ORIGIN = """\
export const getBackendURL = (url_str) => {
  const endpoint = new URL(url_str ?? env.PING);
  if (typeof window !== "undefined") {
    const here = window.location;
    const scheme = endpoint.protocol.startsWith("ws") ? "ws" : "http";
    endpoint.protocol = scheme + (here.protocol === "https:" ? "s:" : ":");
    endpoint.hostname = here.hostname;
    endpoint.port = here.port;
  }
  return endpoint;
};
"""

_REFUSE_EVAL = """\
const refuseEval = () => {
  throw new Error("This build runs no generated code.");
};
"""


class UnexpectedStateJsError(Exception):
    """Reflex's `utils/state.js` is not the one this plugin was written for: read it again before upgrading."""


def same_origin(source: str) -> str:
    """Rewrite Reflex's `utils/state.js`: the backend is where the page came from, and nothing is evaluated.

    Raises:
        UnexpectedStateJsError: what was to be replaced is not there exactly as often as expected.
    """
    if source.startswith(MARK):
        return source
    found = _BACKEND_URL.findall(source)
    if len(found) != 1 or "SAME_DOMAIN_HOSTNAMES.includes(endpoint.hostname)" not in found[0]:
        raise UnexpectedStateJsError(f"expected one getBackendURL that compares hostnames, found {len(found)}")
    evals = len(_EVAL.findall(source))
    if evals != EVALS:
        raise UnexpectedStateJsError(f"expected {EVALS} calls of eval, found {evals}")
    rewritten = _EVAL.sub("refuseEval(", _BACKEND_URL.sub(lambda _: _SAME_ORIGIN, source))
    anchor = "// Endpoint URLs.\n"
    if rewritten.count(anchor) != 1:
        raise UnexpectedStateJsError("expected one place after the imports")
    return MARK + rewritten.replace(anchor, _REFUSE_EVAL + "\n" + anchor)


class SameOriginPlugin(Plugin):
    """Registers the rewrite of `utils/state.js` with Reflex's compiler."""

    def pre_compile(self, **context: Unpack[PreCompileContext]) -> None:
        """Called by Reflex before it writes the generated front end."""
        register: Any = context["add_modify_task"]
        register(STATE_JS, same_origin)
