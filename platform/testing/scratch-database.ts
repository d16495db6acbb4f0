import { randomUUID } from 'node:crypto';
import { createDatabase, type Database } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { testHost } from '#platform/testing/test-host';

export type ScratchDatabase = { db: Database; url: string; drop(): Promise<void> };

/** A new database on the real server, with the migrations of these folders of the project; the test drops it. */
export const scratchDatabase = async (folders: readonly string[], poolMax = 20): Promise<ScratchDatabase> => {
  const name = `scratch_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(engines().databaseUrl);
  url.pathname = `/${name}`;
  const db = createDatabase(testHost('scratch'), {
    url: url.toString(),
    poolMax,
    migrations: folders.map(projectPath),
  });
  await db.start();
  return {
    db,
    url: url.toString(),
    drop: async () => {
      await db.stop();
      const server = createDatabase(testHost('scratch'), { url: engines().databaseUrl });
      await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await server.stop();
    },
  };
};
