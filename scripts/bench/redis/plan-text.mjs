// The part of docs/scaling.md that plans, with its arithmetic.

import { table } from "../document.mjs";
import { show } from "../figures.mjs";
import { BUSY, costs, GATHERED, PARTITIONS, PEOPLE, planFor, spread, usersUpTo, WAYS } from "./model.mjs";

const SIZES = [100_000, 1_000_000, 10_000_000];

const count = (number) => Math.round(number).toLocaleString("en");
const bytes = (number) => {
  const [unit, of] = number >= 1e9 ? ["GB", 1e9] : number >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${show(number / of)} ${unit}`;
};
const percent = (share) => `${show(100 * share)} %`;
const micro = (seconds) => `${show(1e6 * seconds)} µs`;
const people = (users) => (users >= 1_000_000 ? `${users / 1_000_000} M` : count(users));

/** A row of the plan: what it is called, and how a plan tells it. Without servers there is nothing to tell. */
const needs = (tell) => (plan) => (plan.nodes === undefined ? "–" : tell(plan));
const ROWS = [
  ["memberships, and sockets", ({ users }) => count(users)],
  ["operations a second", ({ operations }) => count(operations)],
  ["deliveries a second", ({ deliveries }) => count(deliveries)],
  ["memory of the members in Redis", ({ redisBytes }) => bytes(redisBytes)],
  ["servers, of a core each", ({ nodes }) => (nodes === undefined ? "none suffice" : count(nodes))],
  ["a server: connections", needs(({ users, nodes }) => count(users / nodes))],
  ["a server: memory of its connections", needs(({ node }) => bytes(node.memory))],
  ["a server: its own operations", needs(({ node }) => percent(node.own))],
  ["a server: deliveries", needs(({ node }) => percent(node.delivers))],
  ["a server: keeping connections", needs(({ node }) => percent(node.keeps))],
  ["a server: following the log", (plan) => percent(plan.node?.follows ?? plan.follows)],
  ["a server: the log that it reads", needs(({ node }) => `${bytes(node.log)}/s`)],
  ["all that Redis sends", needs(({ traffic }) => `${bytes(traffic)}/s`)],
  ["CPU of Redis", needs(({ redisCores }) => percent(redisCores))],
  [`masters, each ${percent(BUSY)} busy`, needs(({ masters }) => (masters > PARTITIONS ? `${count(masters)}: more than partitions` : count(masters)))],
];

function planTable(cost, told) {
  const plans = SIZES.map((users) => planFor(users, cost, told));
  return table(["users", ...SIZES.map(people)], ROWS.map(([what, tell]) => [what, ...plans.map(tell)]));
}

/** The arithmetic of one size, step by step. */
function arithmetic(users, cost) {
  const plan = planFor(users, cost);
  const { operations, deliveries, nodes, redisCores } = plan;
  const lines = [
    `operations: ${count(users)} × (2 / ${PEOPLE.stays} s + 1 / ${PEOPLE.sets} s) = ${count(operations)} a second`,
    `deliveries: ${count(operations)} × ${PEOPLE.channel - 1} others = ${count(deliveries)} a second`,
    `memory in Redis: ${count(users)} × ${count(cost.memberBytes)} bytes = ${bytes(plan.redisBytes)}`,
    `following: ${count(operations)} × ${micro(cost.serverOp.each)} = ${percent(operations * cost.serverOp.each)} of a core, on each server`,
  ];
  const shared = operations * cost.serverOp.base + deliveries * cost.delivery + users * cost.idle;
  lines.push(
    `shared out: ${count(operations)} × ${micro(cost.serverOp.base)} + ${count(deliveries)} × ${micro(cost.delivery)} + ${count(users)} × ${micro(cost.idle)} = ${show(shared)} cores`,
  );
  if (nodes === undefined) return lines;
  lines.push(
    `servers: ${show(shared)} / (${show(BUSY)} − ${show(operations * cost.serverOp.each)}) = ${count(nodes)}`,
    `the log that each reads: ${count(operations)} × ${count(cost.logBytes)} bytes = ${bytes(plan.node.log)}/s`,
    `CPU of Redis: ${count(operations)} × (${micro(cost.redisOp.base)} + ${count(nodes)} × ${micro(cost.redisOp.each)}) = ${show(redisCores)} cores`,
  );
  return lines;
}

/** Up to how many users something suffices. */
function limits(cost) {
  const upTo = (holds, told) => people(usersUpTo(holds, cost, told) ?? 0);
  const oneMaster = ({ masters }) => masters === 1;
  const sufficing = ({ nodes }) => nodes !== undefined;
  return [
    ["one Redis", upTo(oneMaster)],
    [`a Cluster, with a master for each of ${PARTITIONS} partitions`, upTo((plan) => plan.masters <= PARTITIONS)],
    ["any number of servers, each of which follows everything", upTo(sufficing)],
    ["one Redis, and a server follows only what somebody on it observes", upTo(oneMaster, WAYS.interested)],
    [`the same, with the members of a channel on ${GATHERED} servers`, upTo(oneMaster, WAYS.gathered)],
  ];
}

/** From the words of the plan to what comes next. */
export function planText(figures) {
  const cost = costs(figures);
  const ten = planFor(10_000_000, cost, WAYS.gathered);
  const nodesOfMillion = planFor(1_000_000, cost).nodes;
  const of = nodesOfMillion ?? 100;
  return `## Plans

What is assumed: each user is one connection in one channel of ${PEOPLE.channel}, which all of its members observe, stays for
${PEOPLE.stays / 60} minutes and sets attributes once in ${PEOPLE.sets} s; members of a channel come to any of the servers. Servers have a core each, of which ${percent(BUSY)} is
planned for. Other habits are other figures: the arithmetic is below, and in \`scripts/bench/redis/model.mjs\`.

${planTable(cost, WAYS.all)}

${SIZES.map((users) => `For ${people(users)} users:\n\n${arithmetic(users, cost).map((line) => `- ${line}`).join("\n")}`).join("\n\n")}

## What gives first

${table(["what suffices", "up to so many users"], limits(cost))}
`;
}
