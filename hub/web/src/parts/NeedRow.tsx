// One thing that needs a person: what, why, since when, and the way to it.

import type { Need } from "../answer/fleet";
import { daysOf } from "../answer/retention";
import { useLanguage } from "../text";
import type { Text } from "../text/en";
import { type Language, length, stamp } from "../time/format";
import { bytes } from "../time/size";

export interface NeedWords {
  who: string;
  what: string;
  why: string;
  cost: string;
  path: string;
}

export function needWords(need: Need, now: number, zone: string, language: Language, text: Text): NeedWords {
  const away = need.since_ms == null ? "" : length(now - need.since_ms, language);
  const last = need.since_ms == null ? text.common.never : stamp(need.since_ms, zone, language);
  const box = need.agent ? `${need.site.name} · ${need.agent.name}` : need.site.name;
  const who = need.camera ? `${need.site.name} · ${need.camera.name}` : box;
  const path = need.camera
    ? `/cameras/${need.camera.id}`
    : need.agent
      ? `/agents/${need.agent.id}`
      : `/sites/${need.site.id}`;
  const t = text.need;
  switch (need.is) {
    case "camera":
      return {
        who,
        path,
        what: t.camera(text.state[need.state]),
        why: need.camera?.detail ?? "",
        cost: away ? (need.level === "bad" ? t.lost(away) : t.since(away)) : "",
      };
    case "unseen":
      return { who, path, what: t.unseen, why: t.unseenWhy, cost: away ? t.unseenFor(away) : "" };
    case "agent_offline":
      return { who, path, what: t.agentOffline(need.unseen), why: t.agentOfflineWhy(last), cost: t.unseenFor(away) };
    case "agent_stopped":
      return { who, path, what: t.agentStopped, why: t.agentStoppedWhy(last), cost: t.unseenFor(away) };
    case "agent_late":
      return { who, path, what: t.agentLate, why: t.agentLateWhy(last), cost: t.unseenFor(away) };
    case "agent_never":
      return { who, path, what: t.agentNever, why: t.agentNeverWhy, cost: "" };
    case "drift":
      return { who, path, what: t.drift, why: t.driftWhy, cost: "" };
    case "disk":
      return { who, path, what: t.disk(bytes(need.free)), why: t.diskWhy, cost: "" };
    case "fault":
      return { who, path, what: text.keeping.need.fault(need.count), why: text.keeping.need.faultWhy, cost: "" };
    case "breach":
      return {
        who,
        path,
        what: text.keeping.need.breach(daysOf(need.possible, language), daysOf(need.floor, language)),
        why: text.keeping.need.breachWhy(stamp(need.at, zone, language, "minute")),
        cost: need.at > now ? text.keeping.need.breachLeft(length(need.at - now, language)) : "",
      };
    case "no_camera":
      return { who, path, what: t.noCamera, why: t.noCameraWhy, cost: "" };
  }
}

export function useNeedWords(need: Need, now: number, zone: string): NeedWords {
  const { text, language } = useLanguage();
  return needWords(need, now, zone, language, text);
}
