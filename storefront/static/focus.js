// Whoever goes by keyboard, or listens, stands somewhere on the page. What they stood on may go by their own click: a dialog that
// closes, a row that is done with. The browser would begin at the top then; this goes on where they were, or as near as may be.
(() => {
  const CONTROLS = "a[href], button, input, textarea, [role=combobox]";
  let now = null, own, inside, held = false, outside = null, by_pointer = false;
  const first = (root, what) => [...(root?.querySelectorAll(what) ?? [])].find((each) => each.checkVisibility());
  const keys = (element) => {
    const found = [];
    for (let each = element; each; each = each.parentElement)
      found.push(...[...each.classList].filter((name) => name.startsWith("st-key-")));
    return found;
  };
  const again = (root, key) => key && first(root, `.${CSS.escape(key)} :is(${CONTROLS})`);
  const acts = ({ type }) => {
    by_pointer = type === "pointerdown";
    const here = document.activeElement;
    inside = here?.closest("[role=dialog]") ? keys(here)[0] : "";
  };
  addEventListener("pointerdown", acts, true);
  addEventListener("keydown", acts, true);
  // Who clicks beside everything leaves it by themselves.
  addEventListener("click", () => { if (document.activeElement === document.body && now?.isConnected && !now.disabled) now = null; }, true);
  addEventListener("focusin", ({ target }) => {
    // Nobody has done anything since they were in it: the dialog was drawn anew, and begins at its top.
    if (target.matches("[role=dialog]") && again(target, inside)) return again(target, inside).focus();
    now = target;
    held = false;
    const found = keys(target);
    own = found[0];
    if (!target.closest("[role=dialog]")) outside = { element: target, keys: found, page: location.pathname };
    else if (!target.matches("[role=dialog]")) inside = own;
  });

  // The same again, maybe drawn anew; else the heading of what it stood in; else what was said of it, or what the page is called.
  const nearest = () => {
    const dialog = [...document.querySelectorAll("[role=dialog]")].pop();
    if (dialog) return again(dialog, own) || dialog;
    const main = document.querySelector("[data-testid=stMain]");
    if (outside?.element.isConnected) return outside.element;
    const here = outside?.page === location.pathname ? outside.keys : [];
    for (const [depth, key] of here.entries()) {
      const box = `.${CSS.escape(key)}`;
      const found = first(main, `${box} :is(h1, h2, h3)`) || (depth === 0 && first(main, `${box} :is(${CONTROLS})`));
      if (found) return found;
    }
    return first(main, "[data-testid=stAlert]") || first(main, "h1");
  };
  const go_on = () => {
    if (!now || document.activeElement !== document.body) return;
    if (now.isConnected) {
      // While there is no connection Streamlit takes nothing, and lets go of the field in which somebody types.
      if (held && !now.disabled) now.focus({ preventScroll: by_pointer });
      else held = now.disabled;
      return;
    }
    if (document.querySelector("[data-testid=stApp][data-test-script-state=running]")) return;
    const found = nearest();
    // A tap brings up no keyboard of a phone.
    if (!found || (by_pointer && matchMedia("(pointer: coarse)").matches && found.matches("input, textarea"))) return;
    if (!found.matches(CONTROLS)) found.tabIndex = -1;
    found.focus({ preventScroll: by_pointer });
  };
  new MutationObserver(go_on).observe(document, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["data-test-script-state", "disabled"],
  });
})();
