"""The browser side of `composer_parts.py`: one React function a constant, plain JavaScript without eval."""

from __future__ import annotations

# Keys of the prompt. ↑ at the start of the text goes to earlier prompts and ↓ comes back; "@" offers the references.
# The text field inside stays its own master: a pick is written into it and told as if it had been typed.
PROMPT_KEYS = """
function StudioPromptKeys({ value, references, onRecall, className, children }) {
  const box = useRef(null), back = useRef(false), listId = useId();
  const [open, setOpen] = useState(null), [at, setAt] = useState(0);
  const live = useRef({});
  const fits = open === null ? [] : (references || []).filter((r) => String(r.number).startsWith(open.digits));
  const shown = Math.min(at, fits.length - 1);
  const area = () => box.current && box.current.querySelector("textarea");
  useEffect(() => { live.current = { fits, shown, open, onRecall }; });
  useEffect(() => {
    const el = area();
    if (back.current && el) el.setSelectionRange(0, 0);
  }, [value]);
  useEffect(() => {
    const el = area();
    if (!el) return;
    el.setAttribute("aria-autocomplete", "list");
    if (fits.length) {
      el.setAttribute("aria-controls", listId);
      el.setAttribute("aria-activedescendant", `${listId}-${shown}`);
    } else { el.removeAttribute("aria-controls"); el.removeAttribute("aria-activedescendant"); }
  });
  const pick = (reference) => {
    const el = area(), now = live.current.open;
    if (!el || !now) return;
    const after = el.value.slice(now.end);
    el.focus();
    el.setRangeText(`@${reference.number}${/^\\s/.test(after) ? "" : " "}`, now.start, now.end, "end");
    el.dispatchEvent(new Event("input", { bubbles: true }));
    setOpen(null);
  };
  useEffect(() => {
    const el = area();
    if (!el) return undefined;
    const look = () => {
      const end = el.selectionStart, found = /(^|[^\\w@])@(\\d{0,2})$/.exec(el.value.slice(0, end));
      const here = found && end === el.selectionEnd;
      setOpen(here ? { start: end - found[2].length - 1, end, digits: found[2] } : null);
      setAt(0);
    };
    const typed = () => { back.current = false; look(); };
    const keys = (e) => {
      if (e.isComposing || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
      const now = live.current;
      if (now.open && now.fits.length) {
        const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
        if (by) { e.preventDefault(); setAt((now.shown + by + now.fits.length) % now.fits.length); return; }
        if (e.key === "Enter" || e.key === "Tab") { e.preventDefault(); pick(now.fits[now.shown]); return; }
        if (e.key === "Escape") { e.preventDefault(); e.stopPropagation(); setOpen(null); return; }
      }
      const way = { ArrowUp: "older", ArrowDown: "newer" }[e.key];
      if (!way || el.selectionStart || el.selectionEnd || (way === "newer" && !back.current)) return;
      e.preventDefault();
      back.current = true;
      el.dispatchEvent(new Event("studio:send"));  // the server must know what is being left
      now.onRecall(way);
    };
    const leave = () => setTimeout(() => { if (document.activeElement !== el) setOpen(null); }, 120);
    const wires = [["input", typed], ["click", look], ["keydown", keys], ["blur", leave]];
    for (const [name, fn] of wires) el.addEventListener(name, fn);
    return () => { for (const [name, fn] of wires) el.removeEventListener(name, fn); };
  }, []);
  const option = (r, n) => createElement("div", {
    key: r.asset_id, id: `${listId}-${n}`, role: "option", "aria-selected": n === shown, className: "mention",
    onPointerDown: (e) => { e.preventDefault(); pick(r); },
  }, createElement("img", { src: r.thumb, alt: "", width: 32, height: 32 }), `@${r.number}`,
    createElement("span", { className: "mute t1" }, `Reference ${r.number}`));
  const list = fits.length
    ? createElement("div", { id: listId, role: "listbox", "aria-label": "References", className: "mentions" },
      fits.map(option)) : null;
  const many = `${fits.length} ${fits.length === 1 ? "reference" : "references"}, use the arrow keys`;
  const said = fits.length ? many : "";
  return createElement("div", { ref: box, className }, children, list,
    createElement("span", { className: "sr", role: "status" }, said));
}
"""

# Pictures that are dragged into another order. Keys and touch use the buttons on each picture.
SORTABLE = """
function StudioSortable({ onMove, className, children }) {
  const box = useRef(null), call = useRef(onMove);
  useEffect(() => { call.current = onMove; }, [onMove]);
  useEffect(() => {
    const el = box.current;
    let held = null;
    const item = (e) => e.target instanceof Element && e.target.closest("[data-sort]");
    const all = () => [...el.querySelectorAll("[data-sort]")];
    const clear = () => { for (const other of all()) other.removeAttribute("data-drop"); };
    const start = (e) => {
      const one = item(e);
      if (!one) return;
      held = one.getAttribute("data-sort");
      e.dataTransfer.effectAllowed = "move";
      e.dataTransfer.setData("application/x-studio-reference", held);
      one.setAttribute("data-held", "");
    };
    const over = (e) => {
      const one = item(e);
      if (held === null || !one) return;
      e.preventDefault();
      e.dataTransfer.dropEffect = "move";
      clear();
      if (one.getAttribute("data-sort") !== held) one.setAttribute("data-drop", "");
    };
    const drop = (e) => {
      const one = item(e);
      if (held === null || !one) return;
      e.preventDefault(); e.stopPropagation();
      const to = all().indexOf(one) + 1;
      if (one.getAttribute("data-sort") !== held) call.current(held, to);
    };
    const end = () => { held = null; clear(); for (const one of all()) one.removeAttribute("data-held"); };
    const wires = [["dragstart", start], ["dragover", over], ["drop", drop], ["dragend", end]];
    for (const [name, fn] of wires) el.addEventListener(name, fn);
    return () => { for (const [name, fn] of wires) el.removeEventListener(name, fn); };
  }, []);
  return createElement("div", { ref: box, className }, children);
}
"""

# Asks the server to keep the draft when changes have paused, and at once when the page is left or hidden.
# A stamp that stands when the page opens may be of a change that nobody kept; 0 says that there was none.
KEEPER = """
function StudioKeeper({ stamp, after, onLate }) {
  const timer = useRef(0), call = useRef(onLate);
  useEffect(() => { call.current = onLate; }, [onLate]);
  useEffect(() => {
    const late = () => { timer.current = 0; call.current(); };
    clearTimeout(timer.current);
    timer.current = stamp ? setTimeout(late, after) : 0;
  }, [stamp, after]);
  useEffect(() => {
    const now = () => { clearTimeout(timer.current); timer.current = 0; call.current(); };
    const hidden = () => { if (document.visibilityState === "hidden") now(); };
    document.addEventListener("visibilitychange", hidden);
    return () => {
      document.removeEventListener("visibilitychange", hidden);
      if (timer.current) now();
    };
  }, []);
  return null;
}
"""

# The tab's title says how much runs and, while nobody looks, how much has ended; a notification if it was allowed.
WORK_TITLE = """
function StudioWorkTitle({ running, finished, words, title }) {
  const before = useRef(null), unseen = useRef(0);
  const paint = useCallback(() => {
    const ended = unseen.current ? `${unseen.current} done` : "";
    const under = running ? `${running} running` : "";
    const said = [ended, under].filter(Boolean).join(", ");
    document.title = said ? `(${said}) ${title}` : title;
  }, [running, title]);
  useEffect(() => {
    const more = before.current === null ? 0 : Math.max(0, finished - before.current);
    before.current = finished;
    if (more && document.hidden) {
      unseen.current += more;
      if ("Notification" in window && Notification.permission === "granted") {
        const many = `${unseen.current} ${unseen.current === 1 ? "result is" : "results are"} ready`;
        try {
          const note = new Notification(many, { body: words, tag: "studio", icon: "/icon.svg" });
          note.onclick = () => { window.focus(); note.close(); };
        } catch { /* some phones allow notifications only to service workers: the title tells */ }
      }
    }
    paint();
  }, [finished, words, paint]);
  useEffect(() => {
    const seen = () => { if (!document.hidden && unseen.current) { unseen.current = 0; paint(); } };
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [paint]);
  useEffect(() => () => { document.title = title; }, [title]);
  return null;
}
"""

# Asks the browser's question only when it is pressed; afterwards it says what holds and where it is changed.
NOTIFY = """
function StudioNotify({ className }) {
  const there = typeof window !== "undefined" && "Notification" in window;
  const [state, setState] = useState(null);
  useEffect(() => { setState(there ? Notification.permission : "none"); }, [there]);
  const ask = () => Notification.requestPermission().then(setState).catch(() => setState("denied"));
  const words = {
    granted: "Notifications are on. Turn them off in your browser's settings for this site.",
    denied: "Your browser blocks notifications of this site. Its settings change that.",
    none: "This browser has no notifications. The tab's title tells when work finishes.",
  }[state];
  if (state === null) return null;
  if (words) return createElement("p", { className: "t1 mute notify", role: "status" }, words);
  return createElement("button", { type: "button", className, onClick: ask }, "Notify me when work finishes");
}
"""
