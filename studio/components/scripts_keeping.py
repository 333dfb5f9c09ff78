"""The browser side of `browser_keeping.py`, written as `scripts.py` is."""

from __future__ import annotations

# A change is sent as a form that the browser follows: the cookie beside the session's row is set by a route.
PLACES = """
function studioGo(id) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/api/workspace";
  form.hidden = true;
  for (const [name, value] of [["workspace", id], ["to", location.pathname + location.search]]) {
    const input = document.createElement("input");
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}
function StudioPlaces({ places, label }) {
  const active = (places || []).find((place) => place.active);
  return createElement("select", { className: "places", "aria-label": label, value: active ? active.id : "",
    onChange: (e) => studioGo(e.target.value) },
    (places || []).map((place) => createElement("option", { key: place.id, value: place.id }, place.name)));
}
"""

# A list that narrows as one types. The field keeps the focus; what is chosen is named by aria-activedescendant.
PALETTE = """
function StudioPalette({ places, pages }) {
  const [words, setWords] = useState(""), [at, setAt] = useState(0), list = useRef(null), go = useNavigate();
  const id = useId();
  const all = [...(pages || []), ...(places || []).filter((p) => !p.active)
    .map((p) => ({ name: p.name, group: "Workspace", place: p.id }))];
  const wanted = words.toLowerCase().split(" ").filter(Boolean);
  const found = all.filter((one) => wanted.every((word) => `${one.group} ${one.name}`.toLowerCase().includes(word)));
  const here = Math.min(at, Math.max(found.length - 1, 0));
  useEffect(() => {
    const row = list.current && list.current.children[here];
    if (row) row.scrollIntoView({ block: "nearest" });
  }, [here, words]);
  const choose = (one) => {
    if (!one) return;
    const close = document.getElementById("palette-close");
    if (close) close.click();
    if (one.href) go(one.href);
    else if (one.place) studioGo(one.place);
    else setTimeout(() => {
      const el = [...document.querySelectorAll(`[data-hotkey="${one.key}"]`)].find((e) => e.getClientRects().length);
      if (el) el.click();
    }, 250);
  };
  const keys = (e) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by && found.length) { e.preventDefault(); setAt((here + by + found.length) % found.length); }
    else if (e.key === "Enter") { e.preventDefault(); choose(found[here]); }
  };
  return createElement("div", { className: "palette" },
    createElement("input", { className: "tf", role: "combobox", "aria-label": "Go to", "aria-expanded": true,
      "aria-controls": id, "aria-autocomplete": "list", autoComplete: "off", spellCheck: false, autoFocus: true,
      "aria-activedescendant": found.length ? `${id}-${here}` : undefined, placeholder: "Page, workspace or action",
      value: words, onChange: (e) => { setWords(e.target.value); setAt(0); }, onKeyDown: keys }),
    createElement("ul", { ref: list, id, role: "listbox", "aria-label": "Where to" }, found.map((one, n) =>
      createElement("li", { key: `${one.group} ${one.name}`, id: `${id}-${n}`, role: "option",
        "aria-selected": n === here, onClick: () => choose(one), onPointerMove: () => setAt(n) },
        createElement("span", { className: "grow clip" }, one.name),
        createElement("span", { className: "mute t1" }, one.group)))),
    createElement("p", { className: "mute t1", role: "status" }, found.length ? "" : "Nothing is called that."));
}
"""

# A frame that zooms in place and is moved by scrolling, which keyboards and fingers can do as well. While they zoom
# together, what one frame does the others do at the same share of their own size.
PANE = """
const studioPanes = new Set();
function StudioPane({ letter, src, alt, together, width, height }) {
  const box = useRef(null), me = useRef({}), quiet = useRef(false);
  const [zoom, setZoom] = useState(1);
  useEffect(() => {
    const mine = me.current, el = box.current;
    mine.zoom = setZoom;
    mine.move = (x, y) => {
      quiet.current = true;
      el.scrollTo(x * (el.scrollWidth - el.clientWidth), y * (el.scrollHeight - el.clientHeight));
      requestAnimationFrame(() => { quiet.current = false; });
    };
    studioPanes.add(mine);
    return () => { studioPanes.delete(mine); };
  }, []);
  const each = (act) => { for (const pane of studioPanes) if (together || pane === me.current) act(pane); };
  const scrolled = () => {
    const el = box.current, wide = el.scrollWidth - el.clientWidth, high = el.scrollHeight - el.clientHeight;
    if (!together || quiet.current) return;
    const x = wide > 0 ? el.scrollLeft / wide : 0, y = high > 0 ? el.scrollTop / high : 0;
    for (const pane of studioPanes) if (pane !== me.current) pane.move(x, y);
  };
  const to = (next) => each((pane) => pane.zoom(Math.min(8, Math.max(1, next))));
  const button = (name, mark, next, off) => createElement("button", { type: "button", className: "ghostbtn",
    "aria-label": `${name} ${letter}`, title: name, disabled: off, onClick: () => to(next) }, mark);
  return createElement("div", { className: "pane", style: { aspectRatio: `${width} / ${height}` } },
    createElement("div", { ref: box, className: "pane-view", tabIndex: 0, role: "group",
      "aria-label": `Picture ${letter}`, onScroll: scrolled },
      createElement("img", { src, alt, draggable: false, decoding: "async", style: { width: `${zoom * 100}%` } })),
    createElement("span", { className: "pane-acts" }, button("Zoom out", "\u2212", zoom / 2, zoom <= 1),
      button("Zoom in", "+", zoom * 2, zoom >= 8)));
}
"""

# Two pictures over each other; a native slider moves the edge between them, so arrow keys do.
SPLIT = """
function StudioSplit({ first, second, alts, width, height }) {
  const [at, setAt] = useState(50);
  const over = { clipPath: `inset(0 ${100 - at}% 0 0)` };
  return createElement("div", { className: "split", style: { aspectRatio: `${width} / ${height}` } },
    createElement("img", { src: second, alt: alts[1], draggable: false }),
    createElement("img", { src: first, alt: alts[0], draggable: false, style: over }),
    createElement("span", { className: "split-edge", style: { left: `${at}%` }, "aria-hidden": true }),
    createElement("input", { type: "range", min: 0, max: 100, value: at, "aria-label": "Edge between A and B",
      "aria-valuetext": `${at}% of A`, onChange: (e) => setAt(Number(e.target.value)) }));
}
"""
