// Failed, loading and empty, designed once: what happened, what to do, and the layout kept still.
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Problem } from "../api/client";
import { useText } from "../text";
import type { Text } from "../text/en";

/** A problem in the reader's language: the hub's own words where we have none better. */
export function problemWords(error: unknown, text: Text): { what: string; next: string } {
  if (error instanceof Problem) {
    if (error.status === 0) return { what: text.problem.unreachable, next: text.problem.unreachableNext };
    const known = text.problem.code[error.code];
    const own = text.language === "English" && error.message ? sentence(error.message) : null;
    return {
      what: own ?? known ?? text.problem.unknown(error.code),
      next:
        (text.language === "English" ? error.next && sentence(error.next) : null) ??
        text.problem.nextOf[error.code] ??
        text.problem.next,
    };
  }
  return { what: text.problem.unknown(error instanceof Error ? error.message : "?"), next: text.problem.next };
}

function sentence(words: string): string {
  const trimmed = words.trim();
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}

export function Failure({ error, again }: { error: unknown; again?: () => void }) {
  const text = useText();
  const words = problemWords(error, text);
  return (
    <div className="card pad trouble" role="alert">
      <b>{words.what}</b>
      <p className="mute">{words.next}</p>
      {again && (
        <Button variant="default" onClick={again}>
          {text.common.again}
        </Button>
      )}
    </div>
  );
}

/** A refusal beside the button that caused it. */
export function FormProblem({ error }: { error: unknown }) {
  const text = useText();
  if (!error) return null;
  const words = problemWords(error, text);
  return (
    <div className="form-problem" role="alert">
      <b>{words.what}</b> {words.next}
    </div>
  );
}

export function Loading({ rows = 4, height = 44 }: { rows?: number; height?: number }) {
  const text = useText();
  return (
    <div className="loading" role="status" aria-label={text.common.loading}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="bone" style={{ height }} />
      ))}
    </div>
  );
}

export function Empty({ what, next, children }: { what: string; next?: string; children?: ReactNode }) {
  return (
    <div className="card pad empty">
      <div className="empty-strip" aria-hidden="true" />
      <b>{what}</b>
      {next && <p className="mute">{next}</p>}
      {children}
    </div>
  );
}
