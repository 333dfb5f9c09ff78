"""The footer of every plain page: all documents and the cookie settings. Needs no script."""

from __future__ import annotations

from markupsafe import Markup

from studio.links import FOOTER

_LINKS = Markup("").join(Markup('<a href="{}">{}</a>').format(path, name) for name, path in FOOTER)
HTML = Markup('<footer class="legal-links"><nav aria-label="Legal">{}</nav></footer>').format(_LINKS)
