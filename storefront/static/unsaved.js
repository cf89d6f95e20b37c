// Whoever goes, and takes with the page what they typed and have not saved, is asked before. A page says of its forms that they are
// `typed-…`, and that something is `unsaved`; what is being typed in one just now the server does not know of yet.
(() => {
  const FORM = "[class*=st-key-typed-]";
  let field = null, held = "";
  addEventListener("focusin", ({ target }) => {
    field = target.closest(FORM) && "value" in target ? target : null;
    held = field?.value;
  });
  const is_typing = () => field === document.activeElement && field?.isConnected && field.value !== held;
  addEventListener("beforeunload", (event) => {
    if (is_typing() || document.querySelector("[class*=st-key-unsaved]")) event.preventDefault();
  });
})();
