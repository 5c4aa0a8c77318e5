// The box's answer: is it there, does it do what is wanted. Pure.
import type { AgentDetail } from "../api/types";
import type { Text } from "../text/en";
import { type Language, length } from "../time/format";
import type { Answer } from "./camera";
import { cameraLevel, isRevoked, isWatching } from "./fleet";

export function agentAnswer(agent: AgentDetail, now: number, text: Text, language: Language): Answer {
  const t = text.agent.answer;
  const a = agent.summary;
  if (isRevoked(a)) return { level: "off", words: t.revoked };
  if (a.last_seen_ms == null) return { level: "unknown", words: t.never };
  const away = length(now - a.last_seen_ms, language);
  if (a.presence === "late") return { level: "late", words: t.late };
  if (a.presence === "stopped") return { level: "bad", words: t.stopped(away) };
  if (a.presence === "offline") return { level: "bad", words: t.offline(away) };
  if (a.presence === "unknown") return { level: "unknown", words: t.unknown };
  const due = agent.cameras.filter((c) => cameraLevel(c) !== "off");
  const good = due.filter((c) => cameraLevel(c) === "good").length;
  if (due.length === 0 && agent.cameras.length > 0) return { level: "good", words: t.nothingDue };
  const idle = due.filter(isWatching).length;
  if (good === due.length && idle > 0) return { level: "good", words: t.part(good - idle, idle) };
  if (good === due.length) return { level: "good", words: t.fine(good) };
  return { level: "bad", words: t.some(good, due.length) };
}
