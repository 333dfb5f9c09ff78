"""The browser side of `consent.py`: plain JavaScript without eval, which keeps nothing in the browser itself."""

from __future__ import annotations

# What the banner and the settings share: what holds is asked of the server, and every answer is a form's POST.
SHARED = """
// What lies at the foot of a page and must stay free: the prompt, the tabs of a phone, the line of documents.
const BARS = ".composer, .tabbar, .app > .legal-links";
const studioCookies = {
  read: async () => {
    const got = await fetch("/cookies/state", { credentials: "same-origin", cache: "no-store" });
    return got.ok ? got.json() : null;
  },
  answer: async (choice, said, on) => {
    const body = new URLSearchParams({ choice, text: said.text });
    for (const key of on || []) body.append(key, "on");
    const init = { method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json" } };
    const got = await fetch("/cookies/choices", init).catch(() => null);
    const told = got ? await got.json().catch(() => ({})) : {};
    if (!got || !got.ok) throw new Error(told.error || "That did not arrive. Check the connection and try again.");
    window.dispatchEvent(new CustomEvent("studio:cookies", { detail: told }));
    return told;
  },
  acts: (press, last) => createElement("div", { className: "ck-acts", key: "acts" },
    ...[["reject", "Reject optional cookies"], ["accept", "Accept optional cookies"]].map(([choice, word]) =>
      createElement("button",
        { key: choice, type: "button", className: "ck-btn", onClick: () => press(choice) }, word)),
    last),
  rows: (said, on, flip, where) => [
    createElement("div", { className: "ck-row", key: "necessary" },
      createElement("div", null, createElement("p", { className: "ck-name" }, "Necessary"),
        createElement("p", { className: "ck-small" }, "Keeps you signed in. Studio cannot run without it.")),
      createElement("span", { className: "ck-badge" }, "Always on")),
    ...said.purposes.map((p) => createElement("div", { className: "ck-row", key: p.key },
      createElement("div", null,
        createElement("label", { className: "ck-name", htmlFor: `ck-${where}-${p.key}` }, p.name),
        createElement("p", { className: "ck-small", id: `ck-${where}-${p.key}-more` }, p.text)),
      createElement("input", { type: "checkbox", role: "switch", id: `ck-${where}-${p.key}`,
        checked: on.includes(p.key), "aria-describedby": `ck-${where}-${p.key}-more`,
        onChange: (e) => flip(p.key, e.target.checked) })))],
};
"""

# The banner floats: above the composer where there is one, else at the foot. Where it would cover what has focus it
# goes to the other edge. Pages and features are counted only while analytics is on.
BANNER = """
function StudioCookies() {
  const [said, setSaid] = useState(null), [open, setOpen] = useState(false), [on, setOn] = useState([]);
  const [trouble, setTrouble] = useState("");
  const box = useRef(null), first = useRef(false);
  useEffect(() => {
    let here = true;
    studioCookies.read().then((told) => { if (here && told) setSaid(told); }).catch(() => {});
    const heard = (e) => setSaid(e.detail);
    window.addEventListener("studio:cookies", heard);
    return () => { here = false; window.removeEventListener("studio:cookies", heard); };
  }, []);
  const counted = Boolean(said) && said.purposes.some((p) => p.key === "analytics" && p.on);
  useEffect(() => {
    if (!counted) return undefined;
    const count = (what) => {
      const headers = { "Content-Type": "application/json" };
      const init = { method: "POST", credentials: "same-origin", headers, keepalive: true, body: JSON.stringify(what) };
      fetch("/api/usage", init).catch(() => {});
    };
    count({ page: window.location.pathname });
    const marks = [["[data-pick]", "picture"], ["a[href^='/download/']", "download"],
      ["[aria-label='Switch theme']", "theme"]];
    const clicks = (e) => {
      const hit = marks.find(([where]) => e.target instanceof Element && e.target.closest(where));
      if (hit) count({ feature: hit[1] });
    };
    const sent = (e) => { if (e.target.id === "composer") count({ feature: "generate" }); };
    document.addEventListener("click", clicks, true);
    document.addEventListener("submit", sent, true);
    return () => {
      document.removeEventListener("click", clicks, true);
      document.removeEventListener("submit", sent, true);
    };
  }, [counted]);
  const asks = Boolean(said && said.ask);
  const press = useCallback(async (choice, picked) => {
    setTrouble("");
    try { await studioCookies.answer(choice, said, picked); } catch (problem) {
      setTrouble(problem.message);
      studioCookies.read().then((told) => { if (told) setSaid(told); }).catch(() => {});
    }
  }, [said]);
  useEffect(() => {
    if (!asks) return undefined;
    const no = (e) => {
      if (e.key !== "Escape" || e.defaultPrevented || e.isComposing) return;
      if (document.querySelector("[role=dialog],[role=alertdialog],[role=menu],[role=listbox]")) return;
      press("reject");
    };
    document.addEventListener("keydown", no);
    return () => document.removeEventListener("keydown", no);
  }, [asks, press]);
  useLayoutEffect(() => {
    const el = box.current;
    if (!asks || !el) return undefined;
    const place = () => {
      const wide = window.innerWidth >= 768;
      const bars = [...document.querySelectorAll(BARS)].map((b) => b.getBoundingClientRect());
      const shown = bars.filter((r) => r.height > 0 && r.bottom > window.innerHeight / 2);
      const set = (name, value) => (value === null ? el.style.removeProperty(name) : el.style.setProperty(name, value));
      el.toggleAttribute("data-dock", shown.length > 0);
      set("--ck-foot", shown.length ? `${window.innerHeight - Math.min(...shown.map((r) => r.top))}px` : null);
      const composer = document.querySelector(".composer");
      const at = wide && composer ? composer.getBoundingClientRect() : null;
      set("--ck-left", at ? `${at.left}px` : null);
      set("--ck-right", at ? `${window.innerWidth - at.right}px` : null);
    };
    const over = (what) => {
      const a = what.getBoundingClientRect(), b = el.getBoundingClientRect();
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      return wide > 0 && high > 0 ? wide * high : 0;
    };
    const clear = (e) => {
      const what = e.target;
      if (!(what instanceof Element) || el.contains(what) || !over(what)) return;
      if (what.closest("[role=dialog],[role=alertdialog],[role=menu],[role=listbox]")) return;
      const before = over(what), side = el.dataset.side;
      if (side) delete el.dataset.side; else el.dataset.side = "top";
      if (over(what) >= before) { if (side) el.dataset.side = side; else delete el.dataset.side; }
    };
    place();
    const watch = new ResizeObserver(place);
    for (const bar of document.querySelectorAll(BARS)) watch.observe(bar);
    window.addEventListener("resize", place);
    document.addEventListener("focusin", clear);
    return () => {
      watch.disconnect();
      window.removeEventListener("resize", place);
      document.removeEventListener("focusin", clear);
    };
  }, [asks]);
  useEffect(() => {
    if (!open || first.current) return;
    first.current = true;
    const one = box.current && box.current.querySelector("input[role=switch]");
    if (one) one.focus();
  }, [open]);
  if (!asks) return null;
  const flip = (key, yes) => setOn(yes ? [...on, key] : on.filter((other) => other !== key));
  const problem = trouble && createElement("p", { className: "ck-trouble", role: "alert" }, trouble);
  const words = open
    ? [createElement("h2", { key: "t" }, "Choose per purpose"),
       createElement("p", { key: "p" }, "All off until you turn them on."),
       ...studioCookies.rows(said, on, flip, "ask")]
    : [createElement("h2", { key: "t" }, said.title), createElement("p", { key: "p" }, said.words)];
  const last = open
    ? createElement("button", { key: "save", type: "button", className: "ck-btn ck-whole",
        onClick: () => press("save", on) }, "Save my choices")
    : createElement("button", { key: "choose", type: "button", className: "ck-quiet",
        onClick: () => setOpen(true) }, "Choose per purpose");
  return createElement("section", { ref: box, className: "cookies", role: "region", "aria-label": "Cookies" },
    createElement("div", { className: open ? "ck-in open" : "ck-in" },
      createElement("div", { className: "ck-words" }, ...words, problem), studioCookies.acts((c) => press(c), last)));
}
"""

CHOICES = """
function StudioCookieChoices({ onChanged }) {
  const [said, setSaid] = useState(null), [trouble, setTrouble] = useState(""), call = useRef(onChanged);
  useEffect(() => { call.current = onChanged; }, [onChanged]);
  useEffect(() => {
    let here = true;
    studioCookies.read().then((told) => { if (here && told) setSaid(told); }).catch(() => {});
    const heard = (e) => { setSaid(e.detail); if (call.current) call.current(); };
    window.addEventListener("studio:cookies", heard);
    return () => { here = false; window.removeEventListener("studio:cookies", heard); };
  }, []);
  const press = async (choice, picked) => {
    setTrouble("");
    try { await studioCookies.answer(choice, said, picked); } catch (problem) {
      setTrouble(problem.message);
      studioCookies.read().then((told) => { if (told) setSaid(told); }).catch(() => {});
    }
  };
  if (!said) return createElement("div", { className: "ck-choices skel" });
  const on = said.purposes.filter((p) => p.on).map((p) => p.key);
  // The switch shows the wish at once; an answer that did not arrive puts it back.
  const flip = (key, yes) => {
    setSaid({ ...said, purposes: said.purposes.map((p) => (p.key === key ? { ...p, on: yes } : p)) });
    press("save", yes ? [...on, key] : on.filter((other) => other !== key));
  };
  const signal = said.signal && createElement("p", { className: "ck-small ck-signal" },
    "Your browser sends Global Privacy Control. We take it as a no to everything optional. " +
    (on.length ? "What is on here, you turned on yourself." : "You can still turn something on here."));
  return createElement("div", { className: "ck-choices" }, signal,
    ...studioCookies.rows(said, on, flip, "set"),
    trouble && createElement("p", { className: "bad", role: "alert" }, trouble),
    studioCookies.acts((c) => press(c), null));
}
"""
