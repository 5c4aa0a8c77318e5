import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { DhkemX25519HkdfSha256 } from "@hpke/dhkem-x25519";
import { expect, test } from "vitest";
import { credentialBinding, fromBase64, seal, toBase64, uuid7 } from "./seal";

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Chacha20Poly1305(),
});
const camera = "0192a8de-1f33-7060-8aec-b1973e1c20bb";

async function box() {
  const pair = await suite.kem.generateKeyPair();
  return { pair, key: toBase64(new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey))) };
}

async function open(pair: CryptoKeyPair, sealed: { enc: string; ct: string }, binding: Uint8Array) {
  const reader = await suite.createRecipientContext({
    recipientKey: pair,
    enc: fromBase64(sealed.enc),
    info: new TextEncoder().encode("farwatch seal v1"),
  });
  return new TextDecoder().decode(await reader.open(fromBase64(sealed.ct), binding as Uint8Array<ArrayBuffer>));
}

test("only the box opens what was sealed to it", async () => {
  const { pair, key } = await box();
  const binding = credentialBinding(camera, "10.0.0.9:554");
  const sealed = await seal(key, "admin:пароль 密码", binding);
  expect(await open(pair, sealed, binding)).toBe("admin:пароль 密码");
  const other = await box();
  await expect(open(other.pair, sealed, binding)).rejects.toThrow();
});

test("a credential sealed for one host does not open for another", async () => {
  const { pair, key } = await box();
  const sealed = await seal(key, "admin:pw", credentialBinding(camera, "10.0.0.9:554"));
  await expect(open(pair, sealed, credentialBinding(camera, "10.0.0.8:554"))).rejects.toThrow();
});

test("the host is bound in lower case", () => {
  expect(new TextDecoder().decode(credentialBinding(camera, "CAM.local:554"))).toBe(
    `farwatch camera credential v1|${camera}|cam.local:554`,
  );
});

test("an id made here is a UUIDv7", () => {
  const id = uuid7(1_795_000_000_000);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replace("-", "").slice(0, 12), 16)).toBe(1_795_000_000_000);
  expect(uuid7(1)).not.toBe(uuid7(1));
});
