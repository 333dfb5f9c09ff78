"""Where the public documents are. Footers of plain pages and of the studio read this one list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A document whose text is versioned: the name of its texts and its address, its title, its name in a footer."""

    kind: str
    title: str
    short: str

    @property
    def path(self) -> str:
        return f"/{self.kind}"


DOCUMENTS = (
    Document("privacy", "Privacy policy", "Privacy"),
    Document("terms", "Terms", "Terms"),
    Document("cookies", "Cookies", "Cookies"),
    Document("security", "Security", "Security"),
    Document("dpa", "Data Processing Addendum", "DPA"),
    Document("subprocessors", "Sub-processors", "Sub-processors"),
)
KINDS = tuple(each.kind for each in DOCUMENTS)
TITLES = {each.kind: each.title for each in DOCUMENTS}

CHOICES = "/cookies/choices"
PROOF = "/privacy/proof"
# Name and address of each link in a footer.
FOOTER = (*((each.short, each.path) for each in DOCUMENTS), ("Proof", PROOF), ("Cookie settings", CHOICES))
