// What must never be seen on a page: errors in the console, a page wider than its window, words too faint to read.
//
// Belongs here: looking for them. Does not: walking from page to page (`walk.mjs`).

/** Listens to a page; gives the list it fills. */
export function listen(page) {
  const found = [];
  page.on("pageerror", (error) => found.push(`fault in the page: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // Chromium reports each answer of 4xx here; those that should not be are caught below.
    if (message.text().startsWith("Failed to load resource")) return;
    found.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("response", (response) => {
    const asked = `${response.request().method()} ${new URL(response.url()).pathname}`;
    if (response.status() >= 400 && !(response.status() === 401 && asked.endsWith("/session"))) {
      found.push(`${response.status()} for ${asked}`);
    }
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // An interface that comes or goes on the testing machine cuts every connection; the page asks again by itself.
    if (why !== "net::ERR_ABORTED" && why !== "net::ERR_NETWORK_CHANGED") found.push(`${request.url()}: ${why}`);
  });
  return found;
}

/** How far the page is wider than its window, in pixels. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** Words whose contrast is under 4.5:1, each once, with its ratio. */
export function faint(page) {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const read = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return { r, g, b, a: a / 255 };
    };
    const over = (top, under) => ({
      r: top.r * top.a + under.r * (1 - top.a),
      g: top.g * top.a + under.g * (1 - top.a),
      b: top.b * top.a + under.b * (1 - top.a),
      a: 1,
    });
    const light = ({ r, g, b }) => {
      const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (element) => {
      const layers = [];
      for (let e = element; e; e = e.parentElement) {
        const colour = read(getComputedStyle(e).backgroundColor);
        if (colour.a > 0) layers.push(colour);
        if (colour.a === 1) break;
      }
      return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
    };
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const words = walker.currentNode.textContent.trim();
      if (!words || !element || /^(SCRIPT|STYLE|OPTION)$/.test(element.tagName)) continue;
      // Over a picture there is no one ground; what is switched off need not be read.
      if (element.closest(".player, .hide, .skip, [disabled], [data-disabled], [aria-hidden=true]")) continue;
      const rect = element.getBoundingClientRect();
      if (rect.width === 0 || rect.height === 0) continue;
      const style = getComputedStyle(element);
      if (style.visibility === "hidden" || Number(style.opacity) < 0.1) continue;
      const under = ground(element);
      const ink = over(read(style.color), under);
      const [a, b] = [light(ink), light(under)].sort((p, q) => q - p);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) found.set(`${words.slice(0, 40)} (${element.className})`, ratio.toFixed(2));
    }
    return [...found].map(([words, ratio]) => `${ratio}:1 ${words}`);
  });
}
