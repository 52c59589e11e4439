// What a Mini App finds as window.Telegram.WebApp: the part of Telegram's script that the project uses.
// It reads the same address and speaks with the client in the same way, so that Telegram's own works here, too.
(() => {
  const given = new URLSearchParams(location.hash.slice(1));
  const initData = given.get("tgWebAppData") || "";
  const listeners = {};

  const unpacked = Object.fromEntries(new URLSearchParams(initData));
  if (unpacked.user) unpacked.user = JSON.parse(unpacked.user);

  const read = (text) => {
    try {
      return JSON.parse(text) ?? {};
    } catch {
      return {};
    }
  };

  const isDark = (colour) => {
    const parts = /^#(..)(..)(..)$/u.exec(colour ?? "")?.slice(1).map((two) => parseInt(two, 16));
    return parts !== undefined && Math.sqrt(0.299 * parts[0] ** 2 + 0.587 * parts[1] ** 2 + 0.114 * parts[2] ** 2) < 120;
  };

  const app = {
    initData,
    initDataUnsafe: unpacked,
    version: given.get("tgWebAppVersion") || "6.0",
    platform: given.get("tgWebAppPlatform") || "unknown",
    colorScheme: "light",
    themeParams: {},
    onEvent: (name, listener) => (listeners[name] ??= []).push(listener),
    offEvent: (name, listener) => (listeners[name] = (listeners[name] ?? []).filter((other) => other !== listener)),
    isVersionAtLeast: (wanted) => app.version.localeCompare(wanted, "en", { numeric: true }) >= 0,
    downloadFile: ({ url, file_name }) => tell("web_app_request_file_download", { url, file_name }),
    ready: () => tell("web_app_ready"),
    expand: () => tell("web_app_expand"),
    close: () => tell("web_app_close"),
  };

  function tell(eventType, eventData = {}) {
    if (parent !== window) parent.postMessage(JSON.stringify({ eventType, eventData }), "*");
  }

  function dress(params) {
    app.themeParams = params;
    app.colorScheme = isDark(params.bg_color) ? "dark" : "light";
    for (const [name, colour] of Object.entries(params)) {
      document.documentElement.style.setProperty(`--tg-theme-${name.replaceAll("_", "-")}`, colour);
    }
  }

  dress(read(given.get("tgWebAppThemeParams")));
  addEventListener("message", (event) => {
    if (event.source !== parent) return;
    const { eventType, eventData } = read(event.data);
    if (eventType !== "theme_changed") return;
    dress(eventData.theme_params);
    for (const listener of listeners.themeChanged ?? []) listener.call(app);
  });

  window.Telegram = { WebApp: app };
})();
