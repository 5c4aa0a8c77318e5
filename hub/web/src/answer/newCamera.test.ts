import { expect, test } from "vitest";
import { hostOf, wrongDays, wrongUrl, wrongWithCamera, wrongWithDoor } from "./newCamera";

test("a secret in an address is found before it is sent anywhere", () => {
  expect(wrongUrl("rtsp://admin:pw@10.0.0.9/stream1")).toBe("secret");
  expect(wrongUrl("rtsp://10.0.0.9/live?user=a&password=b")).toBe("secret");
  expect(wrongUrl("rtsp://10.0.0.9:554/stream1")).toBeNull();
  expect(wrongUrl("10.0.0.9")).toBe("url");
  expect(wrongUrl("v4l2:///dev/video0")).toBeNull();
});

test("one host has one spelling", () => {
  expect(hostOf("rtsp://CAM/stream1")).toBe("cam:554");
  expect(hostOf("rtsp://cam:554")).toBe("cam:554");
  expect(hostOf("rtsps://Cam.example/x")).toBe("cam.example:322");
  expect(hostOf("rtsp://[fe80::1]/a")).toBe("[fe80::1]:554");
  expect(hostOf("rtsp://[fe80::1]:8554/a")).toBe("[fe80::1]:8554");
  expect(hostOf("v4l2:///dev/video0")).toBeNull();
});

test("a ceiling is not below its floor", () => {
  expect(wrongDays("30", "")).toBeNull();
  expect(wrongDays("30", "29")).toBe("ceiling");
  expect(wrongDays("a month", "")).toBe("floor");
});

test("a password has its user", () => {
  const form = { name: "Gate 4", url: "rtsp://cam/1", sub_url: "", user: "", password: "x", floor: "30", ceiling: "" };
  expect(wrongWithCamera(form)).toEqual({ user: "user" });
  expect(wrongWithCamera({ ...form, user: "a:b" })).toEqual({ user: "colon" });
  expect(wrongWithCamera({ ...form, user: "admin" })).toEqual({});
});

test("a camera that moved needs its password again, one that stayed does not", () => {
  const form = { url: "rtsp://10.0.0.9/a", sub_url: "", user: "", password: "" };
  expect(wrongWithDoor(form, "rtsp://10.0.0.9:554/b", true)).toEqual({});
  expect(wrongWithDoor(form, "rtsp://10.0.0.8/a", true)).toEqual({ password: "moved" });
  expect(wrongWithDoor(form, "rtsp://10.0.0.8/a", false)).toEqual({});
  expect(wrongWithDoor({ ...form, password: "x" }, form.url, true)).toEqual({ user: "user" });
  expect(wrongWithDoor({ ...form, url: "rtsp://a:b@10.0.0.9/a" }, form.url, false)).toEqual({ url: "secret" });
});
