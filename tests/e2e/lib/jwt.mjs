// Tokens as an app's backend makes them, with nothing but Node.

import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { atEnd } from "./cleanup.mjs";

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A secret of a server's own: `{flags, token}`: the server's flags, and what makes tokens. */
export function secretKey() {
  const secret = randomBytes(32).toString("hex");
  const folder = mkdtempSync(join(tmpdir(), "herenow-jwt-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "secret");
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  /** A token of `claims` over {sub: "ann", aud: "default"}; valid for `seconds`. */
  const token = (claims = {}, seconds = 600) => {
    const exp = Math.floor(Date.now() / 1000) + seconds;
    const message = `${base64({ alg: "HS256", typ: "JWT" })}.${base64({ sub: "ann", aud: "default", exp, ...claims })}`;
    return `${message}.${createHmac("sha256", secret).update(message).digest("base64url")}`;
  };
  return { flags: { auth: "jwt", "jwt-secret-file": file }, token };
}
