// The words of the people's door, by their short names. Made from the hub's own document: see schema.ts.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Fleet = Schemas["Fleet"];
export type Site = Schemas["Site"];
export type AgentSummary = Schemas["AgentSummary"];
export type AgentDetail = Schemas["AgentDetail"];
export type HealthPoint = Schemas["HealthPoint"];
export type CameraSummary = Schemas["CameraSummary"];
export type CameraDetail = Schemas["CameraDetail"];
export type CameraState = Schemas["CameraStateNow"];
export type StreamNow = Schemas["StreamNow"];
export type Presence = Schemas["Presence"];
export type AddCamera = Schemas["AddCamera"];
export type ChangeCamera = Schemas["ChangeCamera"];
export type GapCause = Schemas["GapReason"];
/** What begins an event. */
export type Trigger = "activity" | "manual" | "input";
export type AddHold = Schemas["AddHold"];
export type Pull = Schemas["Pull"];
export type PullState = Schemas["PullState"];
export type AddPull = Schemas["AddPull"];
export type StreamName = Schemas["StreamChoice"];
export type Refusal = Schemas["RefusalView"];
export type Clip = Schemas["Clip"];
export type ClipSegment = Schemas["ClipSegment"];
export type Token = Schemas["Token"];
export type NewToken = Schemas["NewToken"];
export type JournalEntry = Schemas["JournalEntry"];
export type Sealed = Schemas["SealedSecret"];
