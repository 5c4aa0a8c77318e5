// How far a pull has come: a strip that fills, and its state as shape and word.
import type { Level } from "../answer/fleet";
import type { Pull } from "../api/types";
import { useText } from "../text";
import { State } from "./State";

const levels: Record<Pull["state"], Level> = {
  requested: "unknown",
  approved: "unknown",
  refused: "bad",
  pulling: "late",
  received: "late",
  sealed: "good",
  failed: "bad",
  expired: "bad",
};

export function PullState({ pull }: { pull: Pull }) {
  const text = useText();
  const share = pull.bytes_total > 0 ? ` ${Math.floor((pull.bytes_received / pull.bytes_total) * 100)} %` : "";
  return (
    <State level={levels[pull.state]}>
      <span data-testid="pull-state" data-state={pull.state}>
        {text.requests.state[pull.state]}
        {pull.state === "pulling" && share}
        {pull.refusal && `: ${text.refusal[pull.refusal.code] ?? pull.refusal.message}`}
      </span>
    </State>
  );
}

export function Progress({ pull }: { pull: Pull }) {
  const share = pull.bytes_total > 0 ? pull.bytes_received / pull.bytes_total : 0;
  if (pull.state === "failed" && share === 0) return null;
  return (
    <div className="progress" aria-hidden="true">
      <div style={{ width: `${share * 100}%` }} />
    </div>
  );
}
