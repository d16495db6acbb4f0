/**
 * `npm run bench attack`: 200 buyers (`BUYERS`) at once for the last 50 pieces (`PIECES`) of each of four products, which each
 * has in the cart in an order of his own; through the public API of Cartstream, and of Vendure beside it on the same
 * PostgreSQL. How many pieces each sold, by its own records, and what the buyers saw. Starts a platform unless
 * CARTSTREAM_RUN names one or one runs in `.local`.
 */
import { randomUUID } from 'node:crypto';
import { loadavg } from 'node:os';
import pg from 'pg';
import { Pool } from 'undici';
import { eventually } from '#platform/testing/eventually';
import { type Random, randomFrom } from '../local/random.js';
import { findPlatform } from '../tests/running-platform.js';
import { readRunFile } from '../tests/shop.js';
import { buyAt } from './checkout/buyer.js';
import { type Audit, type System, startSystems } from './checkout/systems.js';
import { writeResults } from './results.js';
import { table } from './terminal.js';

const buyers = Number(process.env.BUYERS ?? 200);
const pieces = Number(process.env.PIECES ?? 50);
const products = 4;
const rounds = Number(process.env.ROUNDS ?? 2);
const settleMsMax = 60_000;

type Attack = {
  system: string;
  round: number;
  outcomes: Record<string, number>;
  /** Of each product. */
  audits: Audit[];
  /** That PostgreSQL resolved by ending a transaction, in the system's databases. */
  deadlocks: number;
  seconds: number;
};

export const runAttackBench = async (): Promise<void> => {
  const platform = await findPlatform(200);
  try {
    const systems = await startSystems(platform.runFile, { count: products * rounds, pieces }, [
      'cartstream',
      'vendure',
    ]);
    const database = new pg.Client({ connectionString: readRunFile(platform.runFile).postgres });
    await database.connect();
    try {
      for (const one of systems.missing) console.log(`left out: ${one}`);
      const random = randomFrom(50);
      const attacks: Attack[] = [];
      for (let round = 0; round < rounds; round += 1)
        for (const system of systems.all) attacks.push(await attack(system, { round, random, database }));
      report(attacks, systems.missing);
    } finally {
      await database.end();
      await systems.stop();
    }
  } finally {
    await platform.stop();
  }
};

const attack = async (
  system: System,
  { round, random, database }: { round: number; random: Random; database: pg.Client },
): Promise<Attack> => {
  const { contested, audit } = system;
  if (contested === undefined || audit === undefined) throw new Error(`${system.name} keeps no stock`);
  const ids: string[] = [];
  for (let n = 0; n < products; n += 1) ids.push(await contested(pieces, round * products + n));
  const pool = new Pool(system.origin, { connections: buyers, pipelining: 1 });
  const orderIds: string[] = [];
  const deadlocksBefore = await deadlocksOf(system, database);
  const startedAtMs = performance.now();
  const outcomes = await Promise.all(
    Array.from({ length: buyers }, () => {
      const [productId = '', ...alsoProductIds] = shuffled(ids, random);
      const email = `attacker-${randomUUID()}@shop.example`;
      const onAccepted = ({ id }: { id: string }) => orderIds.push(id);
      return buyAt(pool, system.shop, { productId, alsoProductIds, email, onAccepted }).catch(String);
    }),
  );
  const seconds = (performance.now() - startedAtMs) / 1000;
  await pool.destroy();
  const auditAll = () => audit(ids, pieces, orderIds);
  // What is confirmed is taken from the shelves a moment later.
  await eventually(async () => (await auditAll()).every(isEqual), { timeoutMs: settleMsMax }).catch(() => {});
  const audits = await auditAll();
  console.log(`  round ${round + 1}/${rounds}, ${system.name}: ${seconds.toFixed(1)} s`);
  return {
    system: system.name,
    round,
    outcomes: countsOf(outcomes),
    audits,
    deadlocks: (await deadlocksOf(system, database)) - deadlocksBefore,
    seconds,
  };
};

const shuffled = (items: readonly string[], random: Random): string[] =>
  items
    .map((item) => [random.next(), item] as const)
    .sort(([one], [other]) => one - other)
    .map(([, item]) => item);

const isEqual = ({ state, ledger, orders, stillHeld }: Audit): boolean =>
  state === ledger && ledger === orders && stillHeld === 0;

/** Errors by their first words, in which refusals differ. */
const countsOf = (outcomes: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome.slice(0, 120)] = (counts[outcome.slice(0, 120)] ?? 0) + 1;
  return counts;
};

const deadlocksOf = async ({ name }: System, database: pg.Client): Promise<number> => {
  await database.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await database.query<{ deadlocks: string }>(
    `SELECT coalesce(sum(deadlocks), 0) AS deadlocks FROM pg_stat_database
     WHERE (datname LIKE '%vendure%') = $1`,
    [name === 'vendure'],
  );
  return Number(rows[0]?.deadlocks);
};

const report = (attacks: readonly Attack[], missing: readonly string[]): void => {
  const right = (title: string) => ({ title, right: true });
  const shown = (attack: Attack, of: (audit: Audit) => number): string => {
    const values = [...new Set(attack.audits.map(of))].sort((one, other) => one - other);
    return values.length === 1 ? String(values[0]) : `${values[0]}–${values.at(-1)}`;
  };
  console.log(
    `\n${buyers} buyers at once, each with ${products} products in the cart in an order of his own; ${pieces} pieces of each product`,
  );
  console.log(
    table(
      [
        { title: 'system' },
        right('bought'),
        right('sold of each, by orders'),
        right('by ledger'),
        right('by stock'),
        right('of'),
        right('deadlocks'),
        right('s'),
      ],
      attacks.map((one) => [
        one.system,
        String(one.outcomes.confirmed ?? 0),
        shown(one, ({ orders }) => orders),
        shown(one, ({ ledger }) => ledger),
        shown(one, ({ state }) => state),
        String(pieces),
        String(one.deadlocks),
        one.seconds.toFixed(1),
      ]),
    ),
  );
  for (const { system, round, outcomes } of attacks)
    console.log(
      `${system}, round ${round + 1}: ${Object.entries(outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', ')}`,
    );
  const ours = attacks.filter(({ system }) => system === 'cartstream');
  const holds = ours.every(
    ({ outcomes, audits, deadlocks }) =>
      outcomes.confirmed === pieces &&
      outcomes.out_of_stock === buyers - pieces &&
      deadlocks === 0 &&
      audits.every((audit) => isEqual(audit) && audit.state === pieces),
  );
  console.log(
    `exactly ${pieces} sold, ledger = stock = events, every other buyer out of stock, no deadlock: ${holds ? 'holds' : 'missed'}`,
  );
  if (!holds) process.exitCode = 1;
  writeResults('attack', { buyers, pieces, products, load: loadavg()[0], missing, holds, attacks });
};
