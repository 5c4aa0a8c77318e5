// Pulled bytes against the agent's disk and its ledger, by code that shares nothing with either program.
//
// Belongs here: cutting a segment file into pieces, hashing them. Does not: any judgement on frames.
// A piece is the head (everything up to and with the first `uuid` box), then each fragment up to and
// with its `mdat`. A segment's digest is SHA-256 over the digests of its pieces, in order.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

function pieces(bytes) {
  const found = [];
  let from = 0;
  let at = 0;
  while (at + 8 <= bytes.length) {
    const size = bytes.readUInt32BE(at);
    const kind = bytes.toString("latin1", at + 4, at + 8);
    if (size < 8 || at + size > bytes.length) throw new Error(`a box of ${size} bytes at ${at} does not fit the file`);
    at += size;
    if (kind === "mdat" || (kind === "uuid" && found.length === 0)) {
      found.push(sha256(bytes.subarray(from, at)));
      from = at;
    }
  }
  if (from !== bytes.length) throw new Error(`${bytes.length - from} bytes at the end belong to no piece`);
  return found;
}

function ledger(agent) {
  const folder = join(agent, "ledger/recorder");
  return Buffer.concat(readdirSync(folder).filter((name) => name.endsWith(".log")).map((name) => readFileSync(join(folder, name))));
}

/** Throws unless the pulled bytes are pieces of the recorded file, and that file's digest is in the recorder's ledger. */
export function compareWithVault(pulled, segment, agent, camera) {
  const at = segment.short.lastIndexOf("-");
  const file = join(agent, "vault", camera, "main", segment.short.slice(0, at), `${segment.short.slice(at + 1)}.mp4`);
  const recorded = pieces(readFileSync(file));
  const digest = sha256(Buffer.concat(recorded));
  const written = ledger(agent);
  if (!written.includes(digest) && !written.includes(digest.toString("hex"))) {
    throw new Error(`${segment.short}: the ledger does not hold sha256:${digest.toString("hex")}`);
  }
  const [head, ...body] = pieces(pulled);
  const first = recorded.findIndex((piece) => body.length > 0 && piece.equals(body[0]));
  const same = head.equals(recorded[0]) && first > 0 && body.every((piece, i) => recorded[first + i]?.equals(piece));
  if (!same) throw new Error(`${segment.short}: the pulled pieces are not those on the agent's disk`);
  return body.length + 1;
}
