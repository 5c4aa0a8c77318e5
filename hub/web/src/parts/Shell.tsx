// The frame around every page: where one is, whether changes arrive, language, theme, whose clock.
import { Button, Modal, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import type { LiveState } from "../live/stream";
import { useLanguage } from "../text";
import { clock, zoneLabel } from "../time/format";
import { useShownTime } from "../time/shown";

interface Props {
  person: string;
  needs: number;
  open: number;
  live: LiveState;
  find: ReactNode;
  onSignOut: () => void;
  children: ReactNode;
}

const pages = [
  ["/", "fleet", "1"],
  ["/requests", "requests", "2"],
  ["/tokens", "tokens", "3"],
  ["/journal", "journal", "4"],
] as const;

export function Shell({ person, needs, open, live, find, onSignOut, children }: Props) {
  const { text, language, speak } = useLanguage();
  const { utc, setUtc } = useShownTime();
  const { setColorScheme } = useMantineColorScheme();
  const night = useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark";
  const [at, go] = useLocation();
  const [keysOpen, setKeysOpen] = useState(false);
  const [menu, setMenu] = useState(false);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "?") {
        setKeysOpen(true);
        return;
      }
      if (event.key === "/") {
        event.preventDefault();
        document.getElementById("find")?.focus();
        return;
      }
      const page = pages.find(([, , key]) => key === event.key);
      if (page) go(page[0]);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [go]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the menu
  useEffect(() => {
    setMenu(false);
  }, [at]);

  const count = { fleet: needs, requests: open, tokens: 0, journal: 0 };
  const here = (path: string) =>
    path === "/" ? at === "/" || /^\/(sites|agents|cameras)/.test(at) : at === path || at.startsWith(`${path}/`);
  const liveWords =
    live.is === "lost"
      ? text.live.lost(
          `${clock(live.since_ms, Intl.DateTimeFormat().resolvedOptions().timeZone)} (${zoneLabel(live.since_ms, Intl.DateTimeFormat().resolvedOptions().timeZone)})`,
        )
      : text.live[live.is];
  return (
    <div className="app">
      <a className="skip" href="#page">
        {text.nav.skip}
      </a>
      <header className={`side${menu ? " open" : ""}`}>
        <div className="side-top">
          <Link href="/" className="brand" aria-label={text.nav.home}>
            <img src="/mark.svg" alt="" width="22" height="22" />
            {text.product}
          </Link>
          <button type="button" className="menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
            {text.nav.menu}
            {needs > 0 && <i>{needs}</i>}
          </button>
        </div>
        <div className="side-body">
          <nav aria-label={text.nav.label}>
            {pages.map(([path, name]) => (
              <Link
                key={path}
                href={path}
                className={here(path) ? "on" : ""}
                aria-current={here(path) ? "page" : undefined}
              >
                {text.nav[name]}
                {count[name] > 0 && <i className={name === "fleet" ? "bad" : ""}>{count[name]}</i>}
              </Link>
            ))}
          </nav>
          <div className="side-foot">
            <div className={`live ${live.is}`} role="status" data-testid="live-state" data-state={live.is}>
              <span className="beat" aria-hidden="true" />
              {liveWords}
            </div>
            <div className="switches">
              <Switch
                label={`${language === "en" ? "中文" : "English"}`}
                options={[
                  ["EN", language === "en", () => speak("en"), "lang-en"],
                  ["中文", language === "zh", () => speak("zh"), "lang-zh"],
                ]}
              />
              <Switch
                label={night ? text.nav.toDay : text.nav.toNight}
                options={[
                  [text.nav.day, !night, () => setColorScheme("light"), "theme-day"],
                  [text.nav.night, night, () => setColorScheme("dark"), "theme-night"],
                ]}
              />
              <Switch
                label={utc ? text.nav.toSiteTime : text.nav.toUtc}
                options={[
                  [text.nav.siteTime, !utc, () => setUtc(false), "time-site"],
                  [text.nav.utc, utc, () => setUtc(true), "time-utc"],
                ]}
              />
            </div>
            <div className="row s who">
              <span className="ellipsis">{person}</span>
              <span className="sp" />
              <button type="button" className="link" onClick={() => setKeysOpen(true)}>
                {text.nav.keys} <kbd>?</kbd>
              </button>
              <button type="button" className="link" onClick={onSignOut} data-testid="sign-out">
                {text.nav.signOut}
              </button>
            </div>
          </div>
        </div>
      </header>
      <div className="page-side">
        <div className="top">{find}</div>
        <main id="page" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Modal
        opened={keysOpen}
        onClose={() => setKeysOpen(false)}
        title={<b>{text.keys.title}</b>}
        closeButtonProps={{ "aria-label": text.keys.close }}
      >
        <KeyList list={text.keys.list} />
        <h2>{text.keys.player}</h2>
        <KeyList list={text.keys.playerList} />
        <Button mt="md" variant="default" onClick={() => setKeysOpen(false)}>
          {text.keys.close}
        </Button>
      </Modal>
    </div>
  );
}

function Switch({ label, options }: { label: string; options: [string, boolean, () => void, string][] }) {
  return (
    <fieldset className="switch" aria-label={label}>
      {options.map(([name, on, act, id]) => (
        <button key={id} type="button" aria-pressed={on} onClick={act} data-testid={id}>
          {name}
        </button>
      ))}
    </fieldset>
  );
}

function KeyList({ list }: { list: [string, string][] }) {
  return (
    <dl className="keys">
      {list.map(([key, what]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Whether keys belong to a field a person is typing in. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
