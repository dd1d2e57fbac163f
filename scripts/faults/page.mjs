// docs/faults.md: what the faults gave when they were last measured.

const row = (cells) => `| ${cells.join(" | ")} |`;

/** What happens in each, for people. */
const WHAT = {
  failover: `The replication to a replica stands still for 5 s, while of 2,000 users 40 a second come or go and 160 set their
attributes. Then the master is killed, the replica takes over, and the servers reach it at the same address. Whoever was there before
and stays may not be seen to go or to come. Of those who come and go then only the end is held to what they want: the log of that
time is lost with the master.`,
  idle: `Three servers and Redis for 30 s without members, then for 30 s with 5,000 members who do nothing. Commands are
\`total_commands_processed\`, which counts those within scripts too.`,
  "log-cut": `The connections on which the servers wait for the logs (XREAD) are cut, those of one server after the other, 100 times in
20 s. Of 1,000 users 40 a second come or go, and 160 set their attributes; what each observer was told is compared with what was done.`,
  "node-killed": `SIGKILL for one of three servers with 5,000 users. A fifth of those who were on it stay away, the others come back
elsewhere.`,
  "node-stopped": `SIGSTOP for one of three servers with 2,000 users, then SIGCONT. Nobody's socket is lost.`,
  partition: `The network between one of three servers and Redis forwards nothing, with 2,000 users. What was under way arrives when it
is over.`,
  "redis-empty": `Redis loses all data under 2,000 users with attributes: FLUSHALL, or it is killed and comes back empty, a second or 15 s
later: longer than a lease.`,
  refused: `A Redis that does not fit, at the start of a server.`,
  "replies-lost": `For 30 s a proxy keeps 30 % of the answers to scripts to itself and cuts the connection: the script has run, and the server
does not know it. Load and comparison are those of *log-cut*.`,
  rolling: `Each of three servers in turn gets SIGTERM, ends, and is started again, with 3,000 users behind a balancer.`,
  "slot-moved": `The slots of four partitions with members move between the three masters of a Redis Cluster, five keys each 10 ms. Load is
that of *log-cut*. Meanwhile all channels are read from all servers.`,
  unreachable: `No server reaches Redis for 6 s, with 1,000 users: connections are refused, or Redis takes them and says nothing.`,
};

function section(name, { date, commit, redis, machine, results }) {
  const tables = results.map(({ fault, rows, load }) => {
    const lines = rows.map(({ name: what, runs, median, worst, bound, good }) => row([what, runs, median, worst, good ? bound : `**broken:** ${bound}`]));
    const title = fault !== name ? `${fault} (load ${load}):\n\n` : "";
    return `${title}${row(["figure", "runs", "median", "worst", "bound"])}\n${row(["---", "---", "---", "---", "---"])}\n${lines.join("\n")}`;
  });
  const loads = results[0].fault !== name ? "" : `, load ${results[0].load}`;
  return `## ${name}

${WHAT[name] ?? ""}

${date}, commit ${commit}, Redis ${redis}, ${machine}${loads}.

${tables.join("\n\n")}
`;
}

/** `all`: what was measured; `missing`: the names of what was not. */
export function page(all, missing) {
  const lacks = missing.length > 0 ? `\nNot measured in full size yet: ${missing.join(", ")}.\n` : "";
  return `# Faults

What clients of three servers on one Redis are told when something breaks: measured by \`npm run test:faults\` on real processes,
with the default flags (a lease of 10 s, a grace of 10 s). Clients are in channels of 100, observe theirs, and apply what they are
told by the rules of PROTOCOL.md, as the SDK does: departures that a new epoch seems to show are held back until it has settled. A
join or a departure is counted for each user at each observer. All agree when each client is connected, has what it wants, and knows
the members and attributes of its channel as they are; the time is that of the last moment when one did not. The worst of all runs has
to be within the bound.
${lacks}
${Object.entries(all).map(([name, one]) => section(name, one)).join("\n")}`;
}
