// Runs before Streamlit does: where its server is, when the first HTML has done its work, and what to say while the server is away.
(() => {
  window.__streamlit = { BACKEND_BASE_URL: location.origin, MAIN_PAGE_BASE_URL: location.origin };
  const product = location.pathname.match(/^\/p\/([\w-]+)\/?$/);
  if (product) {
    const query = new URLSearchParams(location.search);
    query.set("p", product[1]);
    history.replaceState(null, "", `/product?${query}`);
  }

  // The page is drawn: the first HTML goes, unless somebody is filling in its form just now.
  const DRAWN = "h1, h2, form, iframe, [data-testid=stAlert], [data-testid=stHtml] .leaving";
  let begun = 0;
  const looking = setInterval(() => {
    const first = document.getElementById("first");
    const app = document.querySelector("[data-testid=stApp]");
    const main = app && app.querySelector("[data-testid=stMain]");
    if (!first || !main || !main.querySelector(DRAWN) || first.querySelector("input:focus")) return;
    // From now on there is a better page below. Where nothing of it stands above, nobody waits for all of it.
    first.setAttribute("aria-hidden", "true");
    begun ||= performance.now();
    const goes_on = app.dataset.testScriptState === "running" && performance.now() - begun < 1500;
    if (goes_on && first.querySelector("h1")) return;
    clearInterval(looking);
    const scrolled = window.scrollY;
    first.remove();
    if (scrolled) main.scrollTop = scrolled;
  }, 50);

  // By the menu one comes to all of a list, also from what was found in it: Streamlit draws the page that is open as its address
  // stands. The browser's Back leads to what was found.
  addEventListener("click", (event) => {
    const link = event.target.closest("[data-testid=stSidebarNavLink], [data-testid=stTopNavLink]");
    if (!link || !location.search || link.pathname !== location.pathname || event.ctrlKey || event.metaKey || event.shiftKey) return;
    setTimeout(() => {
      history.pushState(null, "", link.pathname);
      dispatchEvent(new PopStateEvent("popstate"));
    });
  });

  // A tap leaves a field and clicks in the same moment. What was typed would come to the server after the click on a link, and call
  // back the page that is being left: so the link waits for it.
  const LINKS = "[data-testid=stPageLink] a, [data-testid=stSidebarNavLink], [data-testid=stTopNavLink]", SENT = 80;
  let typed = -SENT;
  addEventListener("focusout", ({ target }) => { if (target.matches("input, textarea")) typed = performance.now(); });
  addEventListener("click", (event) => {
    const link = event.target.closest(LINKS);
    if (!link || performance.now() - typed > SENT || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    typed = -SENT;
    setTimeout(() => link.click(), SENT);
  }, true);

  // Each page is one connection. While there is none, the page says so itself, and sees to it that there is one again.
  const AWAY = "The shop is away for a moment. It comes back by itself, and nothing is lost.";
  let connected = null, ever = false, leaving = false, asking = 0, answered = 0;
  addEventListener("pagehide", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  const ask = async () => {
    if (connected) return;
    const answer = await fetch("/api/healthz", { cache: "no-store" }).catch(() => null);
    // Streamlit connects again by itself, later and later. Whoever waited long enough gets the page anew.
    answered = answer && answer.ok ? answered + 1 : 0;
    if (answered > 3 && !connected) location.reload();
    else asking = setTimeout(ask, 1000);
  };
  const gone = () => {
    if (leaving || connected) return;
    document.documentElement.classList.add("away");
    // Who never had a connection, maybe since a network lets none through, has a page that works without.
    const said = document.getElementById("away");
    if (!ever || said.textContent) return;
    said.textContent = AWAY;
    answered = 0;
    asking = setTimeout(ask, 1000);
  };
  const back = () => {
    clearTimeout(asking);
    document.documentElement.classList.remove("away");
    document.getElementById("away").textContent = "";
  };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...about) {
      super(...about);
      this.addEventListener("open", () => { connected = this; ever = true; back(); });
      this.addEventListener("close", () => {
        if (connected === this) connected = null;
        setTimeout(gone, 500);
      });
    }
  };
  // Part of Streamlit that could not be fetched.
  addEventListener("vite:preloadError", (event) => { event.preventDefault(); connected = null; ever = true; gone(); });
})();
