// Seals a camera's credential in this browser, for the box alone: HPKE (RFC 9180), DHKEM(X25519, HKDF-SHA256),
// HKDF-SHA256, ChaCha20-Poly1305, base mode. The same words stand in `shared/src/keys.rs` and `wire/v1/desired.rs`.
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { DhkemX25519HkdfSha256 } from "@hpke/dhkem-x25519";
import type { Sealed } from "../api/types";

const info = new TextEncoder().encode("farwatch seal v1");

function suite() {
  return new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
}

/** What a camera credential is bound to: it opens only for this camera at this host. */
export function credentialBinding(camera: string, host: string): Uint8Array {
  return new TextEncoder().encode(`farwatch camera credential v1|${camera}|${host.toLowerCase()}`);
}

/** Seals `secret` to a box's key (32 bytes, base64). */
export async function seal(key: string, secret: string, binding: Uint8Array): Promise<Sealed> {
  const s = suite();
  const recipientPublicKey = await s.kem.deserializePublicKey(fromBase64(key));
  const sender = await s.createSenderContext({ recipientPublicKey, info });
  const ct = await sender.seal(new TextEncoder().encode(secret), binding as Uint8Array<ArrayBuffer>);
  return { enc: toBase64(new Uint8Array(sender.enc)), ct: toBase64(new Uint8Array(ct)) };
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** A UUIDv7: time-ordered, as every id of the house. */
export function uuid7(now_ms: number): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  const time = Math.floor(now_ms).toString(16).padStart(12, "0").slice(-12);
  random[0] = ((random[0] ?? 0) & 0x0f) | 0x70;
  random[2] = ((random[2] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(random, (b) => b.toString(16).padStart(2, "0")).join("");
  const all = time + hex;
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-${all.slice(12, 16)}-${all.slice(16, 20)}-${all.slice(20)}`;
}
