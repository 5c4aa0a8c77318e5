// Whose clock is shown: each site's own, or UTC when a person asks for it. And the present, as a value that moves.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

interface Shown {
  utc: boolean;
  setUtc: (utc: boolean) => void;
}

const Context = createContext<Shown>({ utc: false, setUtc: () => {} });
const stored = "farwatch-utc";

export function ShownTimeProvider({ children }: { children: ReactNode }) {
  const [utc, set] = useState(() => localStorage.getItem(stored) === "1");
  const setUtc = useCallback((next: boolean) => {
    localStorage.setItem(stored, next ? "1" : "0");
    set(next);
  }, []);
  const value = useMemo(() => ({ utc, setUtc }), [utc, setUtc]);
  return <Context value={value}>{children}</Context>;
}

export function useShownTime(): Shown {
  return useContext(Context);
}

/** The zone to show a site's times in. */
export function useZone(site: string): string {
  return useContext(Context).utc ? "UTC" : site;
}

let skew = 0;

/** Takes the hub's clock as the present: a browser's clock may be anything. */
export function trustHubClock(hub_now_ms: number) {
  const found = hub_now_ms - Date.now();
  skew = Math.abs(found) < 1_500 ? 0 : found;
}

/** The present by the hub's clock. */
export function present(): number {
  return Date.now() + skew;
}

/** The present, again every `step` ms. */
export function useNow(step = 1_000): number {
  const [now, set] = useState(present);
  useEffect(() => {
    const timer = setInterval(() => set(present()), step);
    return () => clearInterval(timer);
  }, [step]);
  return now;
}
