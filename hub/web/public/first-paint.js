// Runs before the first paint: theme and language of the last visit, so that nothing flashes.
(() => {
  try {
    const scheme = localStorage.getItem("farwatch-scheme");
    const night = scheme === "dark" || (scheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.setAttribute("data-mantine-color-scheme", night ? "dark" : "light");
    const language = localStorage.getItem("farwatch-language");
    document.documentElement.lang =
      language === "zh" || (!language && navigator.language.startsWith("zh")) ? "zh-CN" : "en";
  } catch {
    // Storage may be forbidden; the page then starts by day, in English.
  }
})();
