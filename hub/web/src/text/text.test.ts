import { expect, test } from "vitest";
import { en } from "./en";
import { zh } from "./zh";

type Leaf = { path: string; value: unknown };

function leaves(value: unknown, path = ""): Leaf[] {
  if (value && typeof value === "object") {
    return Object.entries(value).flatMap(([key, child]) => leaves(child, path ? `${path}.${key}` : key));
  }
  return [{ path, value }];
}

const english = leaves(en);
const chinese = new Map(leaves(zh).map((leaf) => [leaf.path, leaf.value]));

/** What is the same in every language: names, keys on a keyboard, commands. */
const same =
  /^(product|nav\.utc|keys\.(list|playerList)\.\d+\.0|addCamera\.sources\.(rtsp|gst)|tokens\.command|player\.speed)$/;

function said(value: unknown): string {
  return typeof value === "function" ? String(value(7, 7, 7)) : String(value);
}

test("both languages have the same words", () => {
  expect([...chinese.keys()].sort()).toEqual(english.map((leaf) => leaf.path).sort());
});

test("no word is left untranslated or empty (GOV-06)", () => {
  for (const { path, value } of english) {
    const [a, b] = [said(value), said(chinese.get(path))];
    expect(a.trim(), path).not.toBe("");
    expect(b.trim(), path).not.toBe("");
    if (!same.test(path)) expect(b, path).not.toBe(a);
  }
});

test("Chinese reads as Chinese", () => {
  for (const [path, value] of chinese) {
    if (same.test(path) || path === "otherLanguage") continue;
    expect(said(value), path).toMatch(/\p{Script=Han}/u);
  }
});

test("the glossary's terms are used verbatim", () => {
  expect(zh.nav.fleet).toBe("机群");
  expect(zh.nav.journal).toBe("访问日志");
  expect(zh.nav.requests).toBe("调取");
  expect(zh.request.reason).toBe("事由");
  expect(zh.camera.hold).toBe("延长保存");
  expect(zh.camera.legend.gap).toContain("录像缺口");
  expect(zh.camera.facts.floor).toBe("最短保存期");
  expect(zh.camera.facts.ceiling).toBe("最长保存期");
  expect(zh.presence.offline).toBe("离线");
  expect(zh.keeping.recording.mode.schedule).toBe("定时录像");
  expect(zh.keeping.recording.mode.live_only).toContain("实时监控");
  expect(zh.keeping.coverage.statement(7)).toContain("覆盖声明");
  expect(zh.keeping.forecast.words("33 天", "30 天")).toContain("最短保存期");
  expect(zh.keeping.fault.title).toBe("故障");
});
