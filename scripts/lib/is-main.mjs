// Whether a script was started by itself or imported by another.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const isMain = (meta) =>
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(meta.url);
