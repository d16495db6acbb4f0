import { PlatformError } from '#platform/errors';

/**
 * The statement of a migration as a cluster gets it: executed on all of its servers, with tables that replicate. Engines
 * name no path and no replica, so those of the servers' configuration hold (`default_replica_path`, by default with the
 * table's UUID, so that tables can be exchanged). Rows of `INSERT` replicate by themselves. Throws `migration_conflict` for a
 * statement of another kind, because it would be executed on one server only.
 */
export const onCluster = (statement: string, cluster: string): string => {
  const comments = /^(?:\s*--[^\n]*\n)*\s*/.exec(statement)?.[0] ?? '';
  const sql = statement.slice(comments.length);
  if (/^INSERT\s/i.test(sql)) return statement;
  const head = heads.map((each) => each.exec(sql)).find((found) => found !== null);
  if (head === undefined || head === null)
    throw new PlatformError(
      'migration_conflict',
      `no way is known to execute this on all servers of a cluster: ${sql.slice(0, 80)}`,
      { retriable: false },
    );
  const [start] = head;
  const rest = sql.slice(start.length);
  return `${comments}${start} ON CLUSTER ${quotedName(cluster)}${isTable.test(start) ? replicated(rest) : rest}`;
};

const name = '(?:`[^`]+`|\\w+)(?:\\.(?:`[^`]+`|\\w+))?';
const heads = [
  'CREATE DATABASE IF NOT EXISTS',
  'CREATE TABLE IF NOT EXISTS',
  'CREATE (?:MATERIALIZED )?VIEW IF NOT EXISTS',
  'CREATE OR REPLACE VIEW',
  'CREATE DICTIONARY IF NOT EXISTS',
  'ALTER TABLE',
  'DROP (?:TABLE|VIEW|DICTIONARY) IF EXISTS',
  'TRUNCATE TABLE(?: IF EXISTS)?',
].map((words) => new RegExp(`^${words.replaceAll(' ', '\\s+')}\\s+${name}`, 'i'));

const isTable = /^CREATE\s+TABLE/i;

const replicated = (rest: string): string =>
  rest.replace(/(\bENGINE\s*=\s*)((?:Replacing|Summing|Aggregating)?MergeTree)\b/i, '$1Replicated$2');

const quotedName = (text: string): string => `\`${text.replaceAll('`', '\\`')}\``;
