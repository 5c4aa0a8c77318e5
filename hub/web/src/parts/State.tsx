// A state is shape and colour and word: dot good, triangle late, square bad, hollow unknown, dash off.
import type { ReactNode } from "react";
import type { Level } from "../answer/fleet";

export function State({ level, children, big }: { level: Level; children: ReactNode; big?: boolean }) {
  return (
    <span className={`st ${level}${big ? " big" : ""}`}>
      <Shape level={level} />
      <span>{children}</span>
    </span>
  );
}

/** The shape alone: only where its word stands beside it. */
export function Shape({ level }: { level: Level }) {
  return (
    <svg className={`shape ${level}`} viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
      {level === "good" && <circle cx="5" cy="5" r="4.4" fill="currentColor" />}
      {level === "bad" && <rect x="0.8" y="0.8" width="8.4" height="8.4" rx="1.6" fill="currentColor" />}
      {level === "late" && <path d="M5 0.7 9.7 9.2H.3z" fill="currentColor" />}
      {level === "unknown" && <circle cx="5" cy="5" r="3.8" fill="none" stroke="currentColor" strokeWidth="1.6" />}
      {level === "off" && <rect x="0.8" y="4" width="8.4" height="2" rx="1" fill="currentColor" />}
    </svg>
  );
}
