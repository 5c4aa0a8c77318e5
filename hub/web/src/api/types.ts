// The words of the people's door, by their short names. Made from the hub's own document: see schema.ts.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["Session"];
export type Fleet = Schemas["Fleet"];
export type Site = Schemas["Site"];
export type AgentSummary = Schemas["AgentSummary"];
export type AgentDetail = Schemas["AgentDetail"];
export type HealthSample = Schemas["HealthSample"];
export type CameraSummary = Schemas["CameraSummary"];
export type CameraDetail = Schemas["CameraDetail"];
export type CameraState = Schemas["CameraState"];
export type Presence = Schemas["Presence"];
export type NewCamera = Schemas["NewCamera"];
export type CameraChange = Schemas["CameraChange"];
export type Timeline = Schemas["Timeline"];
export type Span = Schemas["Span"];
export type Gap = Schemas["Gap"];
export type GapCause = Schemas["GapCause"];
export type Hold = Schemas["Hold"];
export type NewHold = Schemas["NewHold"];
export type Pull = Schemas["Pull"];
export type PullState = Schemas["PullState"];
export type NewPull = Schemas["NewPull"];
export type StreamName = Schemas["StreamName"];
export type Rendition = Schemas["Rendition"];
export type Clip = Schemas["Clip"];
export type ClipSegment = Schemas["ClipSegment"];
export type Token = Schemas["Token"];
export type JournalEntry = Schemas["JournalEntry"];
export type Sealed = Schemas["Sealed"];
