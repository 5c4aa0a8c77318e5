import { expect, test } from "vitest";
import type { CameraSummary } from "../api/types";
import { en } from "../text/en";
import { cameraAnswer } from "./camera";
import { choosePicture, pictureOf, rangeAccount, wrongWith } from "./request";

const now = 10_000_000;
const camera = (change: Partial<CameraSummary>) =>
  ({
    recording: "continuous",
    state: "recording",
    since_ms: now - 540_000,
    last_committed_ms: now - 1_000,
    ...change,
  }) as CameraSummary;

test("the camera answers whether it records now, and why not", () => {
  const say = (c: Partial<CameraSummary>, presence: "online" | "offline" = "online") =>
    cameraAnswer(camera(c), presence, now, en, "en");
  expect(say({})).toEqual({ level: "good", words: "recording" });
  expect(say({ state: "auth_failed" }).words).toBe("not recording for 9 min: camera refuses the password");
  expect(say({ recording: "off" }).level).toBe("off");
});

test("a camera whose box is away is unknown, whatever it said last", () => {
  expect(cameraAnswer(camera({}), "offline", now, en, "en")).toMatchObject({ level: "unknown" });
});

test("no footage is asked for without a reason (ACC-02)", () => {
  expect(wrongWith(1, 2, "  ", now, en).reason).toBe(en.request.reasonNeeded);
  expect(wrongWith(1, 2, "theft report", now, en)).toEqual({});
});

test("a range must begin before it ends, be over, and be at most a day", () => {
  expect(wrongWith(2, 1, "r", now, en).range).toBe(en.request.badRange);
  expect(wrongWith(null, 1, "r", now, en).range).toBe(en.request.badRange);
  expect(wrongWith(0, 86_400_001, "r", now, en).range).toBe(en.request.tooLong);
  expect(wrongWith(now - 5, now + 60_000, "r", now, en).range).toBe(en.request.future);
});

test("a browser without H.265 gets the small picture, else a preview", () => {
  const h264 = (codec: string | null | undefined) => !codec?.startsWith("hvc1");
  expect(choosePicture({ codec: "avc1.640028", has_sub: true }, h264)).toBe("original");
  expect(choosePicture({ codec: "hvc1.1.6.L120.90", has_sub: true }, h264)).toBe("sub");
  expect(choosePicture({ codec: "hvc1.1.6.L120.90", has_sub: false }, h264)).toBe("preview");
  expect(pictureOf("sub")).toEqual({ stream: "sub", rendition: "original" });
  expect(pictureOf("preview")).toEqual({ stream: "main", rendition: "preview" });
});

test("what is asked for is told before it is asked for", () => {
  const lane = { spans: [{ start_ms: 0, end_ms: 60_000, bytes: 9, activity: [] }], gaps: [], holds: [] };
  expect(rangeAccount(lane, 0, 60_000, now, en, "en")).toBe("All 1 min are kept. No gap.");
  expect(rangeAccount(lane, 100_000, 160_000, now, en, "en")).toBe(en.request.nothing);
});
