"""The browser side of `browser.py`: one React function a constant, plain JavaScript without eval."""

from __future__ import annotations

# One interval for all clocks of a module: a hundred running tiles still wake the page once a second.
ELAPSED = """
const studioClock = { faces: new Set(), id: 0 };
function studioTick() { for (const paint of studioClock.faces) paint(); }
function StudioElapsed({ sinceMs }) {
  const node = useRef(null);
  useEffect(() => {
    const two = (n) => String(n).padStart(2, "0");
    const paint = () => {
      const s = Math.max(0, Math.floor((Date.now() - sinceMs) / 1000));
      const m = Math.floor(s / 60);
      const said = m < 60 ? `${m}:${two(s % 60)}` : `${Math.floor(m / 60)}:${two(m % 60)}:${two(s % 60)}`;
      if (node.current) node.current.textContent = said;
    };
    paint();
    studioClock.faces.add(paint);
    if (!studioClock.id) studioClock.id = setInterval(studioTick, 1000);
    return () => {
      studioClock.faces.delete(paint);
      if (!studioClock.faces.size) { clearInterval(studioClock.id); studioClock.id = 0; }
    };
  }, [sinceMs]);
  return createElement("span", { ref: node, className: "num" });
}
"""

# Radios are left to the browser and put right after each answer; a choice the server refuses returns after 2 s.
CHOICES = """
function StudioChoices({ label, value, onPick, className, children }) {
  const group = useRef(null), timer = useRef(0), name = useId(), fixed = String(value);
  const settle = useCallback(() => {
    if (!group.current) return;
    // All named first: a radio that joins a group later would uncheck the one that was checked.
    const radios = [...group.current.querySelectorAll("input")];
    for (const radio of radios) radio.name = name;
    for (const radio of radios) radio.checked = radio.value === fixed;
  }, [name, fixed]);
  useEffect(() => {
    clearTimeout(timer.current);
    settle();
    return () => clearTimeout(timer.current);
  }, [settle, children]);
  return createElement("div", {
    ref: group, role: "radiogroup", "aria-label": label, className,
    onChange: (e) => { clearTimeout(timer.current); timer.current = setTimeout(settle, 2000); onPick(e.target.value); },
  }, children);
}
"""

TOGGLE = """
function StudioToggle({ label, value, onPick }) {
  const [wish, setWish] = useState(null);
  useEffect(() => { setWish(null); }, [value]);
  useEffect(() => {
    if (wish === null) return undefined;
    const id = setTimeout(() => setWish(null), 2000);
    return () => clearTimeout(id);
  }, [wish]);
  const on = wish === null ? Boolean(value) : wish;
  return createElement("button", {
    type: "button", role: "switch", className: "switch", "aria-label": label, "aria-checked": on,
    onClick: () => { setWish(!on); onPick(!on); },
  });
}
"""

RANGE = """
function StudioRange({ label, value, low, high, unit, onPick }) {
  const [wish, setWish] = useState(null);
  const timer = useRef(0);
  useEffect(() => { setWish(null); }, [value, low, high]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const shown = wish === null ? value : wish;
  const share = high > low ? ((shown - low) / (high - low)) * 100 : 0;
  return createElement("span", { className: "range" },
    createElement("output", { className: "t1 num med", "aria-hidden": true }, `${shown} ${unit}`),
    createElement("input", {
      type: "range", min: low, max: high, step: 1, value: shown, "aria-label": label,
      "aria-valuetext": `${shown} seconds`, style: { "--v": `${share}%` },
      onChange: (e) => {
        const next = Number(e.target.value);
        setWish(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onPick([next]), 120);
      },
    }));
}
"""

# Three uploads at a time, answers in the order the pictures were given.
DROP = """
async function studioUpload(role, files, started, done) {
  const limit = role === "reference" ? 14 : 1;
  const errors = [];
  const pictures = files.filter((f) => !f.type || f.type.startsWith("image/"));
  if (pictures.length < files.length) errors.push("Only pictures can be added here.");
  const chosen = pictures.slice(0, limit);
  const left = pictures.length - chosen.length;
  if (left && limit === 1) errors.push("One picture fits here. The first was used.");
  if (left && limit > 1) errors.push(`14 pictures at a time. ${left} left out.`);
  started(chosen.length);
  const one = async (file) => {
    const body = new FormData();
    body.append("file", file, file.name || "pasted.png");
    try {
      const answer = await fetch(`/api/uploads?role=${encodeURIComponent(role)}`,
        { method: "POST", body, headers: { "X-Studio": "1" }, credentials: "same-origin" });
      const said = await answer.json().catch(() => ({}));
      const name = file.name || "The picture";
      return said.id ? said : { error: said.error || `${name} was not accepted. Try again in a moment.` };
    } catch {
      return { error: "The upload did not arrive. Check the connection and try again." };
    }
  };
  const out = new Array(chosen.length);
  let next = 0;
  const lane = async () => { while (next < chosen.length) { const i = next++; out[i] = await one(chosen[i]); } };
  await Promise.all([lane(), lane(), lane()]);
  for (const o of out) if (o.error) errors.push(o.error);
  done({ role, ids: out.filter((o) => o.id).map((o) => o.id), errors });
}
function StudioDrop({ roleName, zone, hint, label, paste, enabled, onStarted, onDone, className, children }) {
  const box = useRef(null), input = useRef(null), latest = useRef({});
  useEffect(() => { latest.current = { roleName, enabled, onStarted, onDone }; });
  useEffect(() => {
    const el = box.current;
    let depth = 0;
    const take = (files) => {
      const now = latest.current;
      if (now.enabled && files.length) studioUpload(now.roleName, files, now.onStarted, now.onDone);
    };
    const holds = (e) => latest.current.enabled && e.dataTransfer && [...e.dataTransfer.types].includes("Files");
    const over = (on) => { if (on) el.setAttribute("data-over", ""); else el.removeAttribute("data-over"); };
    const enter = (e) => { if (holds(e)) { e.preventDefault(); depth += 1; over(true); } };
    const move = (e) => { if (holds(e)) { e.preventDefault(); e.dataTransfer.dropEffect = "copy"; } };
    const leave = (e) => { if (holds(e)) { depth -= 1; if (depth <= 0) { depth = 0; over(false); } } };
    const drop = (e) => {
      if (!holds(e)) return;
      e.preventDefault(); e.stopPropagation();
      depth = 0; over(false);
      take([...e.dataTransfer.files]);
    };
    const pick = (e) => {
      const asked = e.target instanceof Element && e.target.closest("[data-pick]");
      if (asked && asked.getAttribute("data-pick") === zone && input.current) input.current.click();
    };
    const pasted = (e) => {
      const files = [...((e.clipboardData && e.clipboardData.files) || [])].filter((f) => f.type.startsWith("image/"));
      if (files.length) { e.preventDefault(); take(files); }
    };
    const chosen = () => { take([...input.current.files]); input.current.value = ""; };
    const wires = [[el, "dragenter", enter], [el, "dragover", move], [el, "dragleave", leave], [el, "drop", drop],
      [document, "click", pick], [input.current, "change", chosen]];
    if (paste) wires.push([document, "paste", pasted]);
    for (const [on, name, fn] of wires) on.addEventListener(name, fn);
    return () => { for (const [on, name, fn] of wires) on.removeEventListener(name, fn); };
  }, [zone, paste]);
  return createElement("div", { ref: box, className: `drop ${className || ""}`, "data-hint": hint }, children,
    createElement("input", { ref: input, type: "file", hidden: true, "aria-label": label, tabIndex: -1,
      accept: "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,image/heic,image/heif",
      multiple: roleName === "reference" }));
}
"""

# A result is "new" when it was not finished before and its tile now lies above the visible part of the feed.
SCROLLER = """
function StudioScroller({ batches, className, children }) {
  const box = useRef(null), known = useRef(null);
  const [fresh, setFresh] = useState(0);
  useEffect(() => {
    const el = box.current, before = known.current, now = new Map();
    for (const batch of batches || []) for (const tile of batch.tiles) now.set(tile.id, tile.state === "done");
    known.current = now;
    if (!el || !before || !before.size || el.scrollTop <= 80) return;
    const top = el.getBoundingClientRect().top + 52;
    let more = 0;
    for (const [id, done] of now) {
      if (!done || before.get(id)) continue;
      const tile = document.getElementById(`tile-${id}`);
      if (tile && tile.getBoundingClientRect().bottom < top) more += 1;
    }
    if (more) setFresh((n) => n + more);
  }, [batches]);
  useEffect(() => {
    const el = box.current;
    const calm = () => { if (el.scrollTop <= 80) setFresh(0); };
    const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const up = () => el.scrollTo({ top: 0, behavior: still() ? "auto" : "smooth" });
    el.addEventListener("scroll", calm, { passive: true });
    el.addEventListener("studio:top", up);
    return () => { el.removeEventListener("scroll", calm); el.removeEventListener("studio:top", up); };
  }, []);
  const words = `${fresh} new ${fresh === 1 ? "result" : "results"}`;
  const up = { type: "button", className: "btn solid s1", "data-to-top": "" };
  return createElement("div", { ref: box, className, "data-feed": "" },
    createElement("div", { className: "fresh", role: "status" }, fresh > 0 && createElement("button", up, words)),
    children);
}
"""

MEDIA = """
function StudioMedia({ query, children }) {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const list = window.matchMedia(query);
    const look = () => setOn(list.matches);
    look();
    list.addEventListener("change", look);
    return () => list.removeEventListener("change", look);
  }, [query]);
  return on ? children : null;
}
"""

# From "system" the first click always changes what is seen; the third returns to the system's choice.
THEME = """
function StudioTheme({ className, children }) {
  const { rawColorMode, resolvedColorMode, setColorMode } = useContext(ColorModeContext);
  const system = () => (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const turn = () => {
    const other = resolvedColorMode === "dark" ? "light" : "dark";
    const next = rawColorMode === "system" ? other : rawColorMode === system() ? "system" : other;
    setColorMode(next);
    const headers = { "Content-Type": "application/json", "X-Studio": "1" };
    const body = JSON.stringify({ theme: next });
    fetch("/api/theme", { method: "POST", credentials: "same-origin", headers, body }).catch(() => {});
  };
  const name = "Switch theme";
  const props = { type: "button", className, "aria-label": name, title: name, onClick: turn };
  return createElement("button", props, children);
}
"""

PICTURE = """
function StudioPicture({ label, onDone, className }) {
  const input = useRef(null), [busy, setBusy] = useState(false);
  const send = async (file) => {
    const body = new FormData();
    body.append("file", file, file.name || "picture");
    setBusy(true);
    let error = "";
    try {
      const answer = await fetch("/api/picture",
        { method: "POST", body, headers: { "X-Studio": "1" }, credentials: "same-origin" });
      const said = answer.ok ? {} : await answer.json().catch(() => ({}));
      if (!answer.ok) error = said.error || "The picture was not accepted. Try again in a moment.";
    } catch {
      error = "The picture did not arrive. Check the connection and try again.";
    }
    setBusy(false);
    onDone(error);
  };
  const pick = (e) => { const [file] = e.target.files; e.target.value = ""; if (file) send(file); };
  return createElement("span", {},
    createElement("input", { ref: input, type: "file", hidden: true, accept: "image/png,image/jpeg,image/webp",
      onChange: pick }),
    createElement("button", { type: "button", className, "aria-busy": busy, disabled: busy,
      onClick: () => input.current.click() }, busy ? "Uploading" : label));
}
"""

DISMISS = """
function StudioDismiss({ after, onLate }) {
  const node = useRef(null), call = useRef(onLate);
  useEffect(() => { call.current = onLate; }, [onLate]);
  useEffect(() => {
    const toast = node.current.closest(".toast");
    let id = 0;
    const wait = () => { clearTimeout(id); id = setTimeout(() => call.current(), after); };
    const hold = () => clearTimeout(id);
    const wires = [["pointerenter", hold], ["focusin", hold], ["pointerleave", wait], ["focusout", wait]];
    for (const [name, fn] of wires) toast.addEventListener(name, fn);
    wait();
    return () => { clearTimeout(id); for (const [name, fn] of wires) toast.removeEventListener(name, fn); };
  }, [after]);
  return createElement("span", { ref: node, hidden: true });
}
"""

# Keys act by pressing the visible control that declares them, so a key can never do what a button cannot.
HOTKEYS = """
function StudioHotkeys() {
  useEffect(() => {
    const shown = (el) => el && el.getClientRects().length > 0;
    const press = (key) => {
      const el = [...document.querySelectorAll(`[data-hotkey="${key}"]`)].find(shown);
      if (el) el.click();
      return Boolean(el);
    };
    const keys = (e) => {
      if (e.defaultPrevented || e.repeat || e.isComposing) return;
      if ((e.ctrlKey || e.metaKey) && e.key === "Enter") {
        const form = document.getElementById("composer");
        if (!form || document.querySelector("[role=dialog],[role=alertdialog]")) return;
        e.preventDefault();
        form.requestSubmit();
        return;
      }
      const on = e.target;
      const fields = "input:not([type=radio]):not([type=range]),textarea,select,[contenteditable]";
      const typing = on instanceof Element && on.closest(fields);
      const held = (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey ? e.key.toLowerCase() : "";
      if (held === "k") { if (press("palette")) e.preventDefault(); return; }
      if (held === "z" && !typing) { if (press("undo")) e.preventDefault(); return; }
      if (e.ctrlKey || e.metaKey || e.altKey || !(on instanceof Element)) return;
      if (e.key === " " && on.matches("a[role=button]")) { e.preventDefault(); on.click(); return; }
      if (typing) return;
      // Keys of the grid press its own controls, only from inside it, and not at all where that is turned off.
      if (on.closest("[data-grid]") && !document.querySelector("[data-keys=off]")) {
        const key = e.shiftKey && e.key.length === 1 && e.key.toLowerCase() !== e.key.toUpperCase()
          ? `Shift+${e.key.toLowerCase()}` : e.key.toLowerCase();
        const act = [...document.querySelectorAll("[data-grid-key]")]
          .find((el) => el.getAttribute("data-grid-key").split(" ").includes(key) && shown(el));
        if (act && !act.disabled) { e.preventDefault(); act.click(); return; }
      }
      if (on.closest("[role=menu],[role=listbox],[role=dialog]") && !on.closest("[data-grid]")) return;
      const field = document.getElementById("prompt") || document.getElementById("search");
      if (e.key === "/" && shown(field)) { e.preventDefault(); field.focus(); }
      else if (e.key === "?" || e.key === "Escape") { if (press(e.key)) e.preventDefault(); }
    };
    const clicks = (e) => {
      const on = e.target instanceof Element ? e.target : null;
      const copy = on && on.closest("[data-copy]");
      if (copy && navigator.clipboard) {
        navigator.clipboard.writeText(copy.getAttribute("data-copy")).then(() => {
          copy.setAttribute("data-copied", "");
          setTimeout(() => copy.removeAttribute("data-copied"), 1600);
          const said = document.getElementById("said");
          if (said) said.textContent = "Copied";
        }).catch(() => {});
      }
      if (on && on.closest("[data-to-top]")) {
        const feed = document.querySelector("[data-feed]");
        if (feed) feed.dispatchEvent(new Event("studio:top"));
      }
    };
    if (/Mac|iPhone|iPad/.test(navigator.platform)) document.documentElement.setAttribute("data-mac", "");
    document.addEventListener("keydown", keys);
    document.addEventListener("click", clicks);
    return () => { document.removeEventListener("keydown", keys); document.removeEventListener("click", clicks); };
  }, []);
  return createElement("span", { id: "said", className: "sr", role: "status" });
}
"""

# Time until a moment, told by the browser's own clock: as numbers with their units, or as a sentence's end.
COUNTDOWN = """
function StudioCountdown({ untilMs, face }) {
  const node = useRef(null);
  useEffect(() => {
    const two = (n) => String(n).padStart(2, "0");
    const paint = () => {
      const s = Math.max(0, Math.ceil((untilMs - Date.now()) / 1000));
      const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60), el = node.current;
      if (!el) return;
      const near = h ? `${h} h ${m} min` : m ? `${m} min` : `${s} s`;
      if (face === "words") { el.textContent = s ? `${near} left.` : "The time is over."; return; }
      [h, two(m), two(s % 60)].forEach((n, at) => { el.children[at].firstChild.textContent = n; });
    };
    paint();
    const id = setInterval(paint, 1000);
    return () => clearInterval(id);
  }, [untilMs, face]);
  const part = (unit) => createElement("span", { key: unit }, createElement("b", {}, "0"), ` ${unit}`);
  const said = face === "words" ? undefined : ["hours", "minutes", "seconds"].map(part);
  const className = face === "words" ? "num" : "countdown num";
  return createElement("span", { ref: node, className, role: "timer" }, said);
}
"""
