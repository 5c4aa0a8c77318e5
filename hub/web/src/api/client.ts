// The one way to the hub: cookies, the header every change must carry, and problems as typed errors.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

/** What the hub would not do, in its own words. */
export class Problem extends Error {
  override name = "Problem";
  constructor(
    /** HTTP status; 0 when the hub was not reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly next: string | null,
    /** Bytes the box's disk is short of, for a policy that cannot be kept. */
    readonly missing_bytes: number | null = null,
  ) {
    super(message);
  }
}

export const http = createClient<paths>({ baseUrl: "", credentials: "same-origin" });

http.use({
  onRequest({ request }) {
    if (request.method !== "GET") request.headers.set("X-Farwatch", "1");
    request.headers.set("Accept", "application/json");
    return request;
  },
});

/** Waits for an answer; a refusal or a hub out of reach becomes a {@link Problem}. */
export async function take<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer: { data?: T; error?: unknown; response: Response };
  try {
    answer = await call;
  } catch {
    throw new Problem(0, "unreachable", "", null);
  }
  if (answer.response.ok) return answer.data as T;
  throw problemOf(answer.response.status, answer.error);
}

export function problemOf(status: number, body: unknown): Problem {
  type Told = { code?: string; message?: string; next?: string | null; missing_bytes?: number | null };
  const error = (body as { error?: Told } | undefined)?.error;
  const code = error?.code ?? `http_${status}`;
  return new Problem(status, code, error?.message ?? "", error?.next ?? null, error?.missing_bytes ?? null);
}
