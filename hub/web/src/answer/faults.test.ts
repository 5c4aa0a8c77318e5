import { expect, test } from "vitest";
import type { FaultView } from "../api/types";
import { faultLevel, faultsOf, inOrder } from "./faults";

const fault = (id: string, more: Partial<FaultView>): FaultView => ({
  id,
  fault: "damage",
  detail: "",
  opened_ms: 1,
  ...more,
});

test("what is open stands before what is mended, what loses footage before what will", () => {
  const list = [
    fault("mended", { mended_ms: 9, opened_ms: 8 }),
    fault("wear", { fault: "disk_wear", opened_ms: 7 }),
    fault("old", { opened_ms: 2 }),
    fault("new", { opened_ms: 5 }),
  ];
  expect(inOrder(list).map((f) => f.id)).toEqual(["new", "old", "wear", "mended"]);
  expect(list.map(faultLevel)).toEqual(["off", "late", "bad", "bad"]);
});

test("a camera is told of its own faults and of its box's", () => {
  const list = [fault("mine", { camera: "c1" }), fault("box", { fault: "disk" }), fault("other", { camera: "c2" })];
  expect(
    faultsOf(list, "c1")
      .map((f) => f.id)
      .sort(),
  ).toEqual(["box", "mine"]);
});
