"""How a text becomes a page, and how two of them are compared."""

from __future__ import annotations

import pytest

from studio.errors import ValidationError
from studio.legal import texts
from studio.services import documents


def html(body: str, **facts: object) -> str:
    return str(documents.drawn(documents.blocks(body, facts)))


def test_each_kind_of_block_has_its_element():
    body = "## 1. First\n\nA line\nthat goes on.\n\n- one\n- two\n\n| A | B |\n| 1 | 2 |\n\n### Part\n> Apart."
    assert html(body) == (
        '<h2 id="first"><span class="n">1.</span> First</h2><p>A line that goes on.</p>'
        "<ul><li>one</li><li>two</li></ul>"
        '<div class="table" role="region" aria-label="1. First" tabindex="0"><table>'
        '<thead><tr><th scope="col">A</th><th scope="col">B</th></tr></thead>'
        "<tbody><tr><td>1</td><td>2</td></tr></tbody></table></div><h3>Part</h3>"
        '<p class="aside">Apart.</p>'
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("**bold** and `code`", "<strong>bold</strong> and <code>code</code>"),
        ("[here](/dpa)", '<a href="/dpa">here</a>'),
        ("[mail](mailto:a@b.c)", '<a href="mailto:a@b.c">mail</a>'),
        ("[evil](javascript:alert(1))", "evil)"),
        ("[away](//evil.example)", "away"),
        ("[away](http://evil.example)", "away"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("**<b>**", "<strong>&lt;b&gt;</strong>"),
        ('[x](https://a.b/"onclick=)', '<a href="https://a.b/&#34;onclick=">x</a>'),
    ],
)
def test_a_line_knows_four_marks_and_escapes_the_rest(line: str, expected: str):
    assert str(documents.inline(line)) == expected


def test_what_a_setting_holds_is_text():
    assert html("By {{ who }}.", who="<script>") == "<p>By &lt;script&gt;.</p>"
    with pytest.raises(ValidationError, match="cannot be filled in"):
        html("{{ unknown }}")


def test_a_difference_shows_words_and_counts_blocks():
    old = documents.blocks("## 1. A\n\nKept for 30 days.\n\nGone.\n\nSame.", {})
    new = documents.blocks("## 1. A\n\nKept for 20 days.\n\nSame.\n\nNew <b>.", {})
    found = documents.difference(old, new)
    assert (found.changed, found.removed, found.added) == (1, 1, 1)
    assert "Kept for <del>30</del><ins>20</ins> days." in found.html
    assert '<p class="change paragraph"><del>Gone.</del></p>' in found.html
    assert "<ins>New &lt;b&gt;.</ins>" in found.html
    assert '<p class="same paragraph">Same.</p>' in found.html
    assert documents.difference(old, old).html.count("<ins>") == 0


def test_shipped_texts_are_numbered_and_name_themselves():
    assert {text.kind for text in texts.shipped()} == set(texts.KINDS)
    for text in texts.shipped():
        assert texts.parse(text.source) == text
        assert len(text.sha256) == 64


@pytest.mark.parametrize("written", ["0.1", "1.01", "1.", "v1", "1.2.3", "", "1 .0", "٣.٠"])
def test_a_number_is_two_plain_numbers(written: str):
    with pytest.raises(texts.TextError):
        texts.number(written)
    assert texts.number("1.10") > texts.number("1.9") > texts.number("1")
