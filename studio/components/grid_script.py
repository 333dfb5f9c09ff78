"""The browser side of `grid.py`: a window of rows over everything, plain JavaScript without eval."""

from __future__ import annotations

# Rows stand where the server's layout puts them; only those near the visible part are in the page. Focus stays on the
# grid itself and `aria-activedescendant` names the output the keyboard is on, so scrolling never takes focus away.
GRID = """
const studioNear = 260, studioStep = 96;
const studioJump = 400;  // milliseconds after a jump in which only what is seen is fetched
const studioSame = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);
const studioIcon = (d, filled) => createElement("svg", { width: 14, height: 14, viewBox: "0 0 24 24",
  fill: filled ? "currentColor" : "none", stroke: "currentColor", strokeWidth: filled ? 0 : 3, "aria-hidden": "true",
  strokeLinecap: "round", strokeLinejoin: "round" }, createElement("path", { d }));
const STUDIO_STAR = "M12 2l3.1 6.3 6.9 1-5 4.9 1.2 6.8-6.2-3.2L5.8 21 7 14.2 2 9.3l6.9-1z";
const STUDIO_PLAY = "M6 3.5v17a.6.6 0 0 0 .9.5l14-8.5a.6.6 0 0 0 0-1l-14-8.5a.6.6 0 0 0-.9.5z";
function studioThumb(tile, height) {
  const side = Math.max(tile.width, height) * Math.min(2, window.devicePixelRatio || 1);
  return `/media/${tile.id}/${side <= 256 ? 256 : side <= 512 ? 512 : 1024}`;
}
const StudioGridRow = memo(function StudioGridRow({ row, here, marks, fast, seen }) {
  const calm = useRef(!fast);  // a row that flies past fetches nothing
  calm.current = calm.current || !fast;
  const first = useRef(seen ? "high" : "low");  // what is seen is fetched before what is near
  const cells = row.tiles.map((tile, n) => {
    const marked = marks.includes(tile.id), look = ["tile", "pic", "cell"];
    if (marked) look.push("marked");
    if (here === tile.id) look.push("here");
    const said = { id: `cell-${tile.id}`, key: tile.id, role: "gridcell", className: look.join(" "),
      style: { width: tile.width, height: row.height }, "data-id": tile.id, "data-at": tile.at,
      "aria-colindex": n + 1, "aria-selected": marked, "aria-label": tile.name || "Deleted" };
    return createElement("div", said,
      tile.name && calm.current && createElement("img", { fetchPriority: first.current,
        src: studioThumb(tile, row.height), alt: "", draggable: false, decoding: "async", width: tile.width,
        height: row.height }),
      createElement("span", { className: "tick", "data-tick": "" },
        createElement("i", null, studioIcon("M5 12l5 5 9-10"))),
      tile.rating > 0 && createElement("span", { className: "bl" },
        createElement("span", { className: "pill rated" }, studioIcon(STUDIO_STAR, true), tile.rating)),
      tile.kind === "video" && createElement("span", { className: "br" },
        createElement("span", { className: "pill" }, studioIcon(STUDIO_PLAY, true), tile.duration)));
  });
  return createElement("div", { role: "row", className: "grow-row", "aria-rowindex": row.line,
    style: { top: row.top, height: row.height } }, cells);
}, (a, b) => a.here === b.here && a.marks === b.marks && a.fast === b.fast && studioSame(a.row, b.row));

function StudioGrid(props) {
  const { rows, days, bones, low, high, height, lines, stops, chosen, place, move, label } = props;
  const box = useRef(null), sheet = useRef(null), latest = useRef(props), aim = useRef(null), asked = useRef({ at: 0 });
  const column = useRef(null);  // steps up and down keep to one column, however the rows between are cut
  const [seen, setSeen] = useState({ top: place || 0, tall: 900, fast: false, jumped: false });
  const [here, setHere] = useState(""), [shown, setShown] = useState(null), [late, setLate] = useState(false);
  latest.current = { ...props, here, seen };

  const ask = useCallback((force) => {
    const el = box.current, state = asked.current, now = latest.current;
    if (!el || !sheet.current) return;
    clearTimeout(state.timer);
    const send = () => {
      const top = Math.round(el.scrollTop), tall = el.clientHeight, wide = Math.floor(sheet.current.clientWidth);
      const edge = tall * 0.75, p = latest.current;
      const known = wide === state.wide && p.low <= Math.max(0, top - edge) && p.high >= top + tall + edge;
      if (known && !force && Math.abs(top - (state.top ?? -1e9)) < 1200) return;
      const since = performance.now() - state.at;
      if (!force && top === state.top && wide === state.wide && since < 1000) {  // its answer is on the way
        state.timer = setTimeout(send, 1000 - since);
        return;
      }
      state.at = performance.now(); state.wide = wide; state.top = top;
      p.onView(top, tall, wide);
    };
    const wait = 100 - (performance.now() - state.at);
    if (force || wait <= 0) send();
    state.timer = setTimeout(send, force ? 400 : Math.max(80, wait));
  }, []);

  useLayoutEffect(() => {
    const el = box.current;
    let last = el.scrollTop, when = performance.now(), calm = 0, until = 0;
    const look = (fast) => setSeen((old) => {
      const top = Math.round(el.scrollTop / studioStep) * studioStep, tall = el.clientHeight;
      const jumped = performance.now() < until;
      return old.top === top && old.tall === tall && old.fast === fast && old.jumped === jumped ? old
        : { top, tall, fast, jumped };
    });
    const scrolled = () => {
      const now = performance.now(), by = Math.abs(el.scrollTop - last), took = Math.max(8, now - when);
      last = el.scrollTop; when = now;
      if (by > el.clientHeight) until = now + studioJump;
      look(by / took > 6 && by > 400 && took < 100);
      clearTimeout(calm);
      calm = setTimeout(() => {
        look(false);
        calm = setTimeout(() => look(false), Math.max(0, until - performance.now()) + 1);
      }, 90);
      ask(false);
    };
    let wide = 0;
    const sized = new ResizeObserver(() => {
      look(false);
      const now = Math.floor(sheet.current.clientWidth);
      if (now !== wide) { const first = !wide; wide = now; clearTimeout(asked.current.sizing);
        asked.current.sizing = setTimeout(() => ask(true), first ? 0 : 120); }
    });
    el.addEventListener("scroll", scrolled, { passive: true });
    sized.observe(el);
    const slow = setTimeout(() => setLate(true), 8000);
    return () => { el.removeEventListener("scroll", scrolled); sized.disconnect(); clearTimeout(calm);
      clearTimeout(slow); clearTimeout(asked.current.timer); clearTimeout(asked.current.sizing); };
  }, []);

  // The page comes back to where it was; rows that moved take the view along.
  const back = useRef(false), moved = useRef(move.n);
  useLayoutEffect(() => {
    if (back.current || !height || !box.current) return;
    back.current = true;
    moved.current = move.n;
    if (place > 0) box.current.scrollTop = place;
  }, [height]);
  useLayoutEffect(() => {
    if (!back.current || moved.current === move.n) return;
    moved.current = move.n;
    if (move.to >= 0) { box.current.scrollTop = move.to; setHere(""); } else box.current.scrollTop += move.by;
    ask(true);
  }, [move.n]);

  // Keys
  const find = (test) => {
    for (const row of latest.current.rows) {
      let x = 0;
      for (const tile of row.tiles) { if (test(tile, row, x)) return { tile, row, x }; x += tile.width + 6; }
    }
    return null;
  };
  const near = (row, middle) => {
    let best = null, x = 0, least = Infinity;
    for (const tile of row.tiles) {
      const off = Math.abs(x + tile.width / 2 - middle);
      if (off < least) { least = off; best = { tile, row, x }; }
      x += tile.width + 6;
    }
    return best;
  };
  const stand = (found) => {
    const el = box.current;
    setHere(found.tile.id);
    if (column.current) column.current.id = found.tile.id;
    setShown((open) => (open ? found.tile : open));
    if (found.row.top - 52 < el.scrollTop) el.scrollTop = Math.max(0, found.row.top - 52);
    else if (found.row.top + found.row.height + 12 > el.scrollTop + el.clientHeight)
      el.scrollTop = found.row.top + found.row.height + 12 - el.clientHeight;
  };
  const settle = () => {
    const wish = aim.current;
    if (!wish) return false;
    const p = latest.current;
    const found = wish.at !== undefined ? find((tile) => tile.at === wish.at)
      : p.rows.length && p.low <= wish.y && p.high > wish.y
        ? near(p.rows.reduce((a, b) => Math.abs(b.top - wish.y) < Math.abs(a.top - wish.y) ? b : a), wish.x) : null;
    if (!found) return false;
    aim.current = null;
    stand(found);
    if (wish.range) p.onChoose("range", found.tile.id, wish.range);
    return true;
  };
  const stood = useRef(-1);  // the place in order of what the keyboard is on, while that is in the rows
  useEffect(() => {
    if (settle() || !here) return;
    const at = find((tile) => tile.id === here), last = latest.current.count - 1;
    const heir = !at && stood.current >= 0 && find((tile) => tile.at === Math.min(stood.current, last));
    stood.current = at ? at.tile.at : -1;
    if (heir) stand(heir);  // it left, as into the trash: the keyboard keeps its place
    else if (!at && last < 0) setHere("");
  }, [rows, here]);
  const go = (wish, top) => {
    aim.current = wish;
    if (!settle() && top !== undefined) box.current.scrollTop = top;
  };
  const step = (key, range) => {
    const p = latest.current, el = box.current, at = find((tile) => tile.id === p.here);
    const upright = key === "ArrowDown" || key === "ArrowUp" || key === "PageDown" || key === "PageUp";
    if (!upright || !column.current || column.current.id !== p.here) column.current = null;
    const middle = column.current ? column.current.x : at ? at.x + at.tile.width / 2 : 0;
    const pivot = range && p.here ? p.here : undefined;
    if (upright && at) column.current = { x: middle, id: "" };
    if (key === "Home") go({ at: 0, range: pivot }, 0);
    else if (key === "End") go({ at: p.count - 1, range: pivot }, p.height);
    else if (!at && key !== "PageDown" && key !== "PageUp") {
      const first = p.rows.find((row) => row.top >= el.scrollTop) || p.rows[0];
      if (first) stand(near(first, 0));
    } else if (key === "ArrowRight") go({ at: Math.min(p.count - 1, at.tile.at + 1), range: pivot });
    else if (key === "ArrowLeft") go({ at: Math.max(0, at.tile.at - 1), range: pivot });
    else if (key === "ArrowDown" || key === "ArrowUp") {
      const index = p.rows.indexOf(at.row) + (key === "ArrowDown" ? 1 : -1);
      if (p.rows[index]) go({ at: near(p.rows[index], middle).tile.at, range: pivot });
    } else {
      const by = (el.clientHeight - 100) * (key === "PageDown" ? 1 : -1), from = at ? at.row.top : el.scrollTop;
      const y = Math.max(0, Math.min(p.height - 200, from + by));
      go({ y, x: middle, range: pivot }, Math.max(0, el.scrollTop + by));
    }
  };
  const steps = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End", "PageUp", "PageDown"];
  const preview = useRef(null), stage = useRef(null), whole = useRef(false);  // whole: it is to fill the screen
  const show = (fill) => {
    const at = find((tile) => tile.id === latest.current.here);
    whole.current = fill;
    if (at) setShown(at.tile);
  };
  const keys = (e) => {
    const p = latest.current, mod = e.ctrlKey || e.metaKey;
    if (e.target !== box.current || e.isComposing || e.altKey) return;
    const take = () => { e.preventDefault(); e.stopPropagation(); };
    if (mod && e.key.toLowerCase() === "a") { take(); p.onChoose("all", "", ""); return; }
    if (mod) return;
    if (steps.includes(e.key)) { take(); step(e.key, e.shiftKey); return; }
    if (e.key === "Escape" && p.chosen.length) { take(); p.onChoose("none", "", ""); return; }
    if (!p.here) return;
    if (document.querySelector("[data-keys=off]") && e.key.length === 1) return;
    if (e.key === "Enter") { take(); p.onOpen(p.here); }
    else if (e.key === " " || e.key.toLowerCase() === "f") { take(); show(e.key !== " "); }
    else if (e.key.toLowerCase() === "x" && !e.shiftKey) { take(); p.onChoose("one", p.here, ""); }
    else if ("012345cClLmMrRiI".includes(e.key) || e.key === "Delete") { take(); p.onPress(e.key, p.here); }
  };
  const clicked = (e) => {
    const cell = e.target.closest("[data-id]");
    if (!cell) return;
    const id = cell.getAttribute("data-id"), p = latest.current;
    box.current.focus({ preventScroll: true });
    setHere(id);
    if (e.shiftKey) p.onChoose("range", id, p.here || id);
    else if (e.target.closest("[data-tick]") || e.ctrlKey || e.metaKey) p.onChoose("one", id, "");
    else p.onOpen(id);
  };

  // What is in the page: rows near the visible part, bare ones where the server has not answered yet.
  const from = seen.top - studioNear, to = seen.top + seen.tall + studioNear;
  const inView = (row) => row.top + row.height > seen.top - studioStep && row.top < seen.top + seen.tall + studioStep;
  const within = (row) => row.top + row.height > from && row.top < to;
  const real = rows.filter(within), have = new Set(real.map((row) => row.top));
  const bare = bones.filter(([top, tall]) => top + tall > from && top < to && !have.has(top));
  const marked = new Set(chosen);
  const children = [
    ...days.filter((day) => day.top + 44 > from && day.top < to).map((day) =>
      createElement("div", { key: `d${day.line}`, role: "row", className: "grid-day", "aria-rowindex": day.line,
        style: { top: day.top } }, createElement("div", { role: "rowheader", className: "day" },
          createElement("h2", { className: "t2 bold" }, day.day),
          day.date && createElement("span", { className: "t1 mute" }, day.date),
          createElement("span", { className: "t1 mute num" }, day.count)))),
    ...real.map((row) => createElement(StudioGridRow, { key: row.tiles[0].id, row, seen: inView(row),
      fast: seen.fast || (seen.jumped && !inView(row)),
      here: row.tiles.some((tile) => tile.id === here) ? here : "",
      marks: row.tiles.filter((tile) => marked.has(tile.id)).map((tile) => tile.id).join(" ") })),
  ];
  const ghosts = bare.map(([top, tall, ...widths]) => createElement("div", { key: `b${top}`, className: "grow-row",
    style: { top, height: tall } }, widths.map((width, n) =>
      createElement("div", { key: n, className: "skel cell", style: { width, height: tall } }))));
  const waits = !height && createElement("div", { className: "grid-wait" }, late
    ? createElement("p", { role: "alert" }, "The library did not load. ", createElement("button",
      { type: "button", className: "btn soft", onClick: () => ask(true) }, "Try again"))
    : Array.from({ length: 14 }, (_, n) => createElement("div", { key: n, className: "skel",
      style: { width: [282, 141, 334, 188, 188, 141][n % 6], height: 188 } })));
  const fill = () => {  // where a page may not, as on some phones, the preview fills the window as it is
    if (stage.current && !document.fullscreenElement && stage.current.requestFullscreen)
      stage.current.requestFullscreen().catch((error) => console.info(`Not full screen: ${error.message}`));
  };
  useLayoutEffect(() => {
    const el = preview.current;
    if (!el) return;
    if (shown && !el.open) { el.showModal(); if (whole.current) fill(); }
    if (shown || !el.open) return;
    const leave = () => { el.close(); box.current?.focus({ preventScroll: true }); };
    if (document.fullscreenElement) document.exitFullscreen().then(leave, leave);  // before it focus cannot go back
    else leave();
  }, [shown]);
  const previewKeys = (e) => {
    if (e.key === " ") { e.preventDefault(); setShown(null); }
    else if (e.key.toLowerCase() === "f") {
      if (document.fullscreenElement) document.exitFullscreen(); else fill();
    }
    else if (steps.includes(e.key)) { e.preventDefault(); step(e.key, false); }
    e.stopPropagation();
  };
  const src = shown && `/media/${shown.id}/original`;
  const active = here && real.some((row) => row.tiles.some((tile) => tile.id === here)) ? `cell-${here}` : undefined;
  return createElement("div", { className: "grid-frame" },
    createElement("div", { ref: box, className: "gallery grid-box", role: "grid", tabIndex: 0, "aria-label": label,
      "aria-rowcount": lines || -1, "aria-multiselectable": true, "aria-activedescendant": active,
      "aria-busy": !height, onKeyDown: keys, onClick: clicked },
      createElement("div", { ref: sheet, role: "rowgroup", className: "grid-sheet", style: { height } }, children),
      createElement("div", { className: "grid-sheet ghosts", "aria-hidden": "true" }, ghosts), waits),
    // Its place is kept without it: rows that made room for it would be asked for anew, and lose it again.
    stops.length > 1 ? createElement(StudioScrubber, { stops, top: seen.top, box, ask })
      : createElement("div", { className: "scrubber" }),
    createElement("dialog", { ref: preview, className: "preview", "aria-label": shown ? shown.name : "Preview",
      onClose: () => setShown(null), onKeyDown: previewKeys,
      onClick: (e) => { if (!e.target.closest("video")) setShown(null); } },
      createElement("div", { ref: stage, className: "stage" },
        shown && (shown.kind === "video" ? createElement("video", { src, autoPlay: true, muted: true, loop: true,
          controls: true, playsInline: true, key: shown.id }) : createElement("img", { src, alt: shown.name })))));
}

const StudioScrubber = memo(function StudioScrubber({ stops, top, box, ask }) {
  let at = 0, end = stops.length - 1;
  while (at < end) { const mid = (at + end + 1) >> 1; if (stops[mid].top <= top + 60) at = mid; else end = mid - 1; }
  const [held, setHeld] = useState(-1), shown = held >= 0 ? held : at;
  const pick = (e) => {
    const n = Number(e.target.value);
    setHeld(n);
    box.current.scrollTop = stops[n].top;
    ask(false);  // a frame before the page hears that it scrolled
  };
  const free = () => setHeld(-1);
  // On a phone the sign itself is what the thumb holds, so that no strip over the outputs takes their taps.
  const grip = (e) => e.currentTarget.setPointerCapture(e.pointerId);
  const drag = (e) => {
    if (!e.currentTarget.hasPointerCapture(e.pointerId)) return;
    const at = e.currentTarget.parentElement.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (e.clientY - at.top) / at.height));
    pick({ target: { value: Math.round(share * (stops.length - 1)) } });
  };
  let last = -100;
  const ticks = [];
  stops.forEach((stop, n) => {
    const y = stops.length > 1 ? n / (stops.length - 1) * 100 : 0;
    if (stop.tick && y - last >= 3.4) { last = y; ticks.push(createElement("span", { key: n, style: { top: `${y}%` },
      className: /^[0-9]{4}$/.test(stop.tick) ? "bold" : "" }, stop.tick)); }
  });
  return createElement("div", { className: "scrubber" },
    createElement("div", { className: "scale num", "aria-hidden": "true" }, ticks,
      createElement("b", { className: "at", style: { top: `${shown / (stops.length - 1) * 100}%` },
        onPointerDown: grip, onPointerMove: drag, onPointerUp: free, onPointerCancel: free },
        stops[shown].label)),
    createElement("input", { type: "range", "aria-label": "Jump to date", "aria-orientation": "vertical", min: 0,
      max: stops.length - 1, value: shown, "aria-valuetext": stops[shown].label, onChange: pick, onPointerUp: free,
      onBlur: free, onKeyUp: free }));
});
"""
