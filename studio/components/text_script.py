"""The browser side of a text field that owns its text, plain JavaScript without eval."""

from __future__ import annotations

# The field is uncontrolled. `flying` holds what was sent and not yet echoed, so an echo that arrives late never
# overwrites newer typing, while a value the server chose itself (reuse, a starting point) does replace the text.
TEXT = """
function StudioText({ kind, value, label, name, placeholder, inputMode, maxLength, delay, param, onSend, className,
  id }) {
  const node = useRef(null), timer = useRef(0), flying = useRef([]), sent = useRef(null), first = useRef(true);
  const call = useRef(onSend), told = useRef(""), late = useRef(0);
  const fixed = String(value ?? "");
  useEffect(() => { call.current = onSend; told.current = fixed; }, [onSend, fixed]);
  const grow = useCallback(() => {
    const el = node.current;
    if (!el || kind !== "textarea" || CSS.supports("field-sizing", "content")) return;
    el.style.height = "auto";
    el.style.height = `${el.scrollHeight}px`;
  }, [kind]);
  const send = useCallback(() => {
    clearTimeout(timer.current);
    const el = node.current;
    if (!el || el.value === sent.current) return;
    sent.current = el.value;
    flying.current = [...flying.current.slice(-30), el.value];
    if (call.current) call.current(el.value);
  }, []);
  useEffect(() => {
    const el = node.current;
    if (!el) return;
    if (first.current) {
      first.current = false;
      sent.current = fixed;
      if (el.value && el.value !== fixed) { send(); grow(); return; }
    }
    const echo = flying.current.indexOf(fixed);
    if (echo >= 0) { flying.current = flying.current.slice(echo + 1); return; }
    if (el.value !== fixed) { clearTimeout(timer.current); el.value = fixed; }
    sent.current = fixed;
    flying.current = [];
    grow();
  }, [fixed, send, grow]);
  useEffect(() => {
    const el = node.current, form = el && el.form;
    const hidden = () => { if (document.visibilityState === "hidden") send(); };
    const wires = [[form, "submit", send], [el, "studio:send", send], [document, "visibilitychange", hidden]];
    for (const [on, name, fn] of wires) if (on) on.addEventListener(name, fn);
    return () => {
      clearTimeout(timer.current);
      clearTimeout(late.current);
      for (const [on, name, fn] of wires) if (on) on.removeEventListener(name, fn);
    };
  }, [send]);
  // A text that stands in the address goes back with it, even before the server has heard of the text it leaves.
  useEffect(() => {
    if (!param) return;
    const follow = () => {
      const el = node.current, said = new URLSearchParams(location.search).get(param) ?? "";
      clearTimeout(timer.current);
      if (!el || el.value === said) return;
      el.value = said;
      sent.current = said;
      flying.current = [];
    };
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, [param]);
  // A small field whose value the server refused shows what holds again; a prompt is never taken back.
  const leave = () => {
    send();
    if (kind === "textarea") return;
    clearTimeout(late.current);
    late.current = setTimeout(() => {
      const el = node.current;
      if (!el || el === document.activeElement || el.value === told.current) return;
      el.value = told.current;
      sent.current = told.current;
      flying.current = [];
    }, 1500);
  };
  return createElement(kind, {
    ref: node, id, name, className, placeholder, inputMode, maxLength, "aria-label": label, defaultValue: fixed,
    type: inputMode === "search" ? "search" : undefined,
    rows: kind === "textarea" ? 2 : undefined, autoComplete: "off", spellCheck: kind === "textarea",
    onInput: () => { clearTimeout(timer.current); timer.current = setTimeout(send, delay ?? 150); grow(); },
    onBlur: leave,
    onKeyDown: kind === "textarea" ? undefined : (e) => { if (e.key === "Enter") { e.preventDefault(); send(); } },
  });
}
"""
