// A balancer that ends with the test that started it.

import * as balancer from "../../../scripts/lib/balancer.mjs";
import { atEnd } from "./cleanup.mjs";

/** See scripts/lib/balancer.mjs. */
export async function startBalancer(servers) {
  const started = await balancer.startBalancer(servers);
  atEnd(started.close);
  return started;
}
