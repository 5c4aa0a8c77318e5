// Faults of a box, ordered by what they cost; a mended one is history. Pure.
import type { FaultKind, FaultView } from "../api/types";
import type { Level } from "./fleet";

/** What is lost or no longer certain now is bad; what will be is late. */
const levels: Record<FaultKind, Level> = {
  damage: "bad",
  disk: "bad",
  wrong_mount: "bad",
  disk_wear: "late",
  retention_at_risk: "late",
  target_drift: "late",
  clock_unsure: "late",
};

export function faultLevel(fault: FaultView): Level {
  return fault.mended_ms != null ? "off" : levels[fault.fault];
}

export function isOpenFault(fault: FaultView): boolean {
  return fault.mended_ms == null;
}

/** Open before mended, bad before late, newest first. */
export function inOrder(faults: readonly FaultView[]): FaultView[] {
  const rank = (f: FaultView) => (isOpenFault(f) ? (faultLevel(f) === "bad" ? 0 : 1) : 2);
  return [...faults].sort((a, b) => rank(a) - rank(b) || b.opened_ms - a.opened_ms);
}

/** Of one camera: its own, and those of the whole box. */
export function faultsOf(faults: readonly FaultView[], camera: string): FaultView[] {
  return inOrder(faults.filter((f) => f.camera == null || f.camera === camera));
}
