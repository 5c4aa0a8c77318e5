// How a camera is recorded, in a line.
import type { RecordingTerms } from "../api/types";
import type { Text } from "../text/en";
import { hours, type Language, length } from "../time/format";
import { weekOf } from "./recording";

export function recordingWords(terms: RecordingTerms, text: Text, language: Language): string {
  const t = text.keeping.recording.said;
  switch (terms.mode) {
    case "schedule":
      return t.schedule(hours(weekOf(terms.windows).reduce((n, m) => n + m, 0) * 60_000, language));
    case "event":
      return t.event(length(terms.pre_s * 1_000, language), length(terms.post_s * 1_000, language));
    case "live_only":
      return t.live_only(terms.reason);
    default:
      return t[terms.mode];
  }
}
