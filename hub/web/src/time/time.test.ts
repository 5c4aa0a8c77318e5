import { describe, expect, test } from "vitest";
import { clock, date, length, range, stamp, zoneLabel } from "./format";
import { bytes, count, fps, rate } from "./size";
import { dayName, dayStart, fieldValue, fromField, instant, isZone, reading } from "./zone";

const at = Date.UTC(2026, 10, 23, 6, 2, 31, 480);

describe("a time is the site's and carries its zone", () => {
  test("in English and Chinese", () => {
    expect(stamp(at, "Asia/Shanghai", "en", "milli")).toBe("23 Nov 2026 14:02:31.480 (UTC+8)");
    expect(stamp(at, "Asia/Shanghai", "zh")).toBe("2026年11月23日 14:02:31 (UTC+8)");
  });
  test("half-hour and western zones are said exactly", () => {
    expect(zoneLabel(at, "Asia/Kolkata")).toBe("UTC+5:30");
    expect(zoneLabel(at, "America/St_Johns")).toBe("UTC−3:30");
    expect(zoneLabel(at, "UTC")).toBe("UTC");
  });
  test("a range names the second date only when it differs", () => {
    expect(range(at, at + 60_000, "Asia/Shanghai", "en")).toBe("23 Nov 2026 14:02:31 – 14:03:31 (UTC+8)");
    expect(range(at, at + 86_400_000, "UTC", "en")).toBe("23 Nov 2026 06:02:31 – 24 Nov 2026 06:02:31 (UTC)");
  });
  test("a date cannot be misread", () => {
    expect(date(Date.UTC(2026, 3, 5), "UTC", "en")).toBe("5 Apr 2026");
    expect(clock(at, "UTC", "minute")).toBe("06:02");
  });
});

describe("days belong to the site", () => {
  test("the day begins at the site's midnight", () => {
    expect(dayStart(at, "Asia/Shanghai")).toBe(Date.UTC(2026, 10, 22, 16));
    expect(dayName(at, "Asia/Shanghai")).toBe("2026-11-23");
  });
  test("days of 23 and 25 hours are whole days", () => {
    const spring = dayStart(Date.UTC(2026, 2, 29, 12), "Europe/Berlin");
    expect(dayStart(spring, "Europe/Berlin", 1) - spring).toBe(23 * 3_600_000);
    const autumn = dayStart(Date.UTC(2026, 9, 25, 12), "Europe/Berlin");
    expect(dayStart(autumn, "Europe/Berlin", 1) - autumn).toBe(25 * 3_600_000);
  });
  test("what is written into a field comes back as the same instant", () => {
    for (const zone of ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "UTC"]) {
      const second = at - (at % 1000);
      expect(fromField(fieldValue(second, zone), zone)).toBe(second);
    }
    expect(fromField("yesterday", "UTC")).toBeNull();
  });
  test("the hour that happens twice is read as the first one", () => {
    const twice = instant({ ...reading(at, "UTC"), month: 10, day: 25, hour: 2, minute: 30 }, "Europe/Berlin");
    expect(new Date(twice).getUTCHours()).toBe(0);
  });
  test("a zone nobody knows is refused", () => {
    expect(isZone("Asia/Shanghai")).toBe(true);
    expect(isZone("Mars/Olympus")).toBe(false);
  });
});

test("lengths carry their two greatest units", () => {
  expect(length(480, "en")).toBe("480 ms");
  expect(length(58_000, "en")).toBe("58 s");
  expect(length(9 * 60_000, "en")).toBe("9 min");
  expect(length(12.1 * 3_600_000, "en")).toBe("12 h 06 min");
  expect(length((34 * 24 + 2) * 3_600_000, "en")).toBe("34 d 02 h");
  expect(length((34 * 24 + 2) * 3_600_000, "zh")).toBe("34 天 02 小时");
});

test("sizes and rates carry their units", () => {
  expect(bytes(3_100_000)).toBe("3.10 MB");
  expect(bytes(999_999)).toBe("1.00 MB");
  expect(rate(3_100_000)).toBe("3.1 Mbit/s");
  expect(fps(20_010)).toBe("20");
  expect(fps(12_500)).toBe("12.5");
  expect(count(61_340)).toBe("61 340");
});
