// What people read: the table on the terminal, docs/benchmarks.md, and the plots.

import { kilo, show } from "./figures.mjs";
import { plot } from "./plot.mjs";

/** A table of text as Markdown; all but the first column to the right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A table as lines of a terminal. */
export function columns(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, index) => Math.max(...all.map((row) => row[index].length)));
  return all.map((row) => row.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index]))).join("  "));
}

/** The musts as `{head, rows}`. */
export function mustsTable(musts, nameOf) {
  const head = ["figure", "ours", "must", "", "beside", "ours to it"];
  const rows = musts.map(({ name, unit, ours, must, atLeast, met, peer, ratio }) => [
    name,
    ours === undefined ? "not measured" : `${show(ours)} ${unit}`,
    must === undefined ? "–" : `${atLeast ? "≥" : "≤"} ${show(must)}`,
    met ? "met" : ours === undefined ? "–" : "MISSED",
    peer ? `${nameOf(peer.server)} ${show(peer.value)}` : "–",
    ratio === undefined ? "–" : `${show(ratio)} ×`,
  ]);
  return { head, rows };
}

/** The rows of the comparison: a name, a step's field, and how it is told. */
const ROWS = [
  ["CPU s of 1 M deliveries in a burst", "burst", "cpu_seconds_per_million"],
  ["CPU s of 1 M deliveries, paced", "paced", "cpu_seconds_per_million"],
  ["latency p50, ms", "paced", "p50_ms"],
  ["latency p99, ms", "paced", "p99_ms"],
  ["latency p99.9, ms", "paced", "p999_ms"],
  ["connections joined a second", "join", "per_second"],
  ["memory a connection, kB", "memory", "bytes_per_connection", kilo],
  ["idle CPU, %", "idle", "percent"],
];

/** All servers beside each other at one size, as `{head, rows}`. */
export function comparison(figures, size, nameOf) {
  const servers = figures.servers().filter((server) => figures.figure(server, size, "join", "connections"));
  const rows = ROWS.map(([name, step, field, form = (value) => value]) => [
    name,
    ...servers.map((server) => show(form(figures.figure(server, size, step, field)))),
  ]);
  rows.push(["other programs had a core, % of the time", ...servers.map((server) => show(figures.disturbed(server, size)))]);
  return { head: [`S = ${size}`, ...servers.map(nameOf)], rows };
}

const memoryPoints = (figures, server) =>
  figures.growth(server, "memory").map(({ connections, bytes_per_connection }) => [connections, bytes_per_connection / 1000]);

/** The plots as `{name: svg}`; one without points is left out. */
export function plots(figures, nameOf) {
  const sizes = figures.sizes();
  const found = {};
  const cost = figures.servers().map((server) => ({
    name: nameOf(server),
    strong: server === "herenow",
    points: sizes.map((size) => [size, figures.figure(server, size, "burst", "cpu_seconds_per_million")]).filter(([, value]) => value),
  }));
  if (sizes.length > 1) {
    found["cost.svg"] = plot({
      title: "What 1 M deliveries cost the server, in a burst",
      x: { label: "members of a channel", at: sizes },
      y: { label: "CPU seconds" },
      series: cost,
    });
  }
  const memory = figures.servers().map((server) => ({ name: nameOf(server), strong: server === "herenow", points: memoryPoints(figures, server) }));
  const at = [...new Set(memory.flatMap((one) => one.points.map(([connections]) => connections)))].sort((a, b) => a - b);
  if (at.length > 1) {
    found["memory.svg"] = plot({
      title: "Memory of a joined connection",
      x: { label: "connections, in channels of 100", at },
      y: { label: "kB a connection" },
      series: memory,
    });
  }
  return found;
}

function growthTable(figures, nameOf) {
  const servers = figures.servers().filter((server) => figures.growth(server, "paced").length > 0);
  const rows = servers.flatMap((server) => {
    const cpu = figures.growthOfCpu(server);
    return figures.growth(server, "memory").map(({ connections, bytes_per_connection }) => {
      const { marginal, gross, idle, p50_ms, p99_ms } = cpu.find((stage) => stage.connections === connections) ?? {};
      const cells = [kilo(bytes_per_connection), marginal, gross, idle, p50_ms, p99_ms];
      return [nameOf(server), connections.toLocaleString("en"), ...cells.map(show)];
    });
  });
  const head = ["server", "connections", "memory a connection, kB", "CPU s of 1 M more deliveries", "CPU s of 1 M with all else", "idle CPU of 1,000 connections, ms a second", "p50, ms", "p99, ms"];
  return table(head, rows);
}

/** docs/benchmarks.md. */
export function markdown({ made, commit, machine, versions, figures, musts, nameOf, drawn }) {
  const compared = mustsTable(musts, nameOf);
  const failures = figures.failures().map(({ server, kind, failed }) => `- ${nameOf(server)} failed (${kind}): ${failed}`);
  const sections = figures.sizes().map((size) => {
    const { head, rows } = comparison(figures, size, nameOf);
    return table(head, rows);
  });
  const growth = figures.growth("herenow", "memory").length > 0;
  const picture = (name, what) => (drawn.includes(name) ? `![${what}](bench/${name})\n\n` : "");
  return `# Benchmarks

One node of herenow, and other servers in the same run. Made by \`npm run bench\` on ${made.slice(0, 10)} at commit ${commit},
on ${machine.cores} cores of ${machine.cpu} with Linux ${machine.kernel}: the server on one core, the clients on
another. All figures are in [bench/results.json](bench/results.json).

Machines differ, and one machine differs from hour to hour: compare the ratios, not the figures.

Several servers on one Redis are measured by themselves: [scaling.md](scaling.md).

## What must be reached

${table(compared.head, compared.rows)}

## Beside other servers

${picture("cost.svg", "CPU seconds of 1 M deliveries against the size of the channels, for each server")}${sections.join("\n\n")}
${failures.length > 0 ? `\n${failures.join("\n")}\n` : ""}
## As connections grow

${picture("memory.svg", "Memory of a connection against the number of connections, for each server")}${growth ? growthTable(figures, nameOf) : "Not measured in this run."}

## What the figures mean

- Connections are real sockets over loopback, in channels of S members. Each is a member of its channel, observes it and
  knows all of its members; that is when it has *joined*. At most 100 are on their way at once.
- An *update* is one small attribute that a member sets. A *delivery* is another member that has seen this update or a newer
  one of the same user. What a member sees of its own is not counted.
- *In a burst* all members send updates back to back, as fast as they can; once all is delivered they begin again.
- *Paced* means 20,000 deliveries a second, at equal intervals, one channel after the other. Latency is the time from when
  the update was due to the call that has read it, in the client: what an update waits for a busy client counts, too.
- CPU is user and system time of the server's processes, from \`/proc\`. It includes what the kernel does on loopback to
  hand the bytes over, which is most of a single \`send\`.
- While updates are paced the clients look for what has come without ever sleeping. Otherwise the kernel would wake them in
  the midst of the server's writes and on its account, the more often the slower the server is; readers elsewhere cost a
  server nothing.
- As connections grow, 5,000 and then 15,000 deliveries a second are made, whatever their number. What one more delivery
  costs is the difference of the two; *with all else* is all the CPU at 15,000, in which keeping the connections has a part
  that grows with their number: each is asked every 10 s whether it still lives. ws asks nobody anything, and does not
  notice who has vanished.
- Where the time of 18,000 idle connections goes (perf, 2026-11-29; 4.6 % of a core for 1,800 pings and answers a second, 26 µs
  each): 35 % in \`send\`, 11 % in waiting for sockets, 4 % in \`recv\`, 42 % in our own code, whose data of so many
  connections is in no cache. By arithmetic it falls with the number of pings: with \`--ping-interval 25s\` by 60 %,
  and people who vanish would be noticed later, too.
- Where the growth of a delivery comes from (perf, 2026-11-29, 15,000 a second with all else, 6.6 s of 1 M with 1,000
  connections and 8.1 s with 18,000): 5.0 and 5.9 s of it are the kernel's, most of that \`send\`, 1.6 and 2.2 s our own. It is
  what no cache holds any more, of the kernel's sockets and of our connections; ws grows more. To send many messages with one
  call (io_uring) and to keep what a flush needs of all connections side by side would make it less.
- On a machine where 1 M paced deliveries cost ws more than 14.3 s, ours may cost more than 11 s: the same share, 0.77.
- After each step the rosters of all connections are compared with what was done: who is a member, and what each has said
  last. The figures are only there if all are right.
- *Other programs had a core* says how long server or client could have run but had to wait; above some percent, latencies
  say more of the machine than of the server.
- Memory is the resident set of the server's processes after a quiet second, less what it was before the first
  connection.
- herenow answers each update (\`ok\`) and tells it to its sender, too; the others do neither. Its row is the JSON encoding,
  like the others'; *binary* is what the SDK speaks. Its limit of frames a second is off.

The others, at their newest versions: ${versions}. Their servers are in \`bench/peers/\`:

- **ws** and **socket.io**: a room as one writes it, with the roster in a \`Map\`; WebSocket only, no compression.
- **soketi**: presence channels. Their members cannot change their attributes, so an update is a client event, which soketi
  keeps nowhere. \`uWebSockets.js\` is not on npm: in its place is \`@trufflesuite/uws-js-unofficial\`.
- **Hocuspocus**: the awareness of a Yjs document, of which it merges what arrives in one turn. Its clients renew their
  state every 15 s, which is in its figures.
- **Sockudo** only where its binary is given: \`npm run bench -- --sockudo PATH\`.
`;
}
