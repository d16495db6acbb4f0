import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { engineConfigXml } from './engine-config.js';
import { createClickHouseServer } from './server.js';

/**
 * `node main.js DATA_DIR PORT`: the embedded ClickHouse. Started with UV_THREADPOOL_SIZE=16 by its engine file.
 * CLICKHOUSE_MEMORY_MIB bounds what its statements may hold together (900, a laptop's share).
 */
const [dataDir, port] = process.argv.slice(2);
if (dataDir === undefined || port === undefined) throw new Error('usage: main.js DATA_DIR PORT');

const mebi = 1024 * 1024;
const root = resolve(dataDir);
mkdirSync(root, { recursive: true });
const configFile = join(root, 'config.xml');
writeFileSync(
  configFile,
  engineConfigXml({ memoryBytesMax: Number(process.env.CLICKHOUSE_MEMORY_MIB ?? 900) * mebi }),
);

const spoolMemoryDir = process.env.CLICKHOUSE_SPOOL_DIR ?? join(root, 'spool-memory');

const { server, close } = createClickHouseServer({
  dataDir: join(root, 'data'),
  configFile,
  spoolMemoryDir,
  spoolDiskDir: join(root, 'spool'),
  querySessionsMax: 8,
  insertSessionsMax: 3,
  waitersMax: 256,
  statementBytesMax: 64 * mebi,
  spoolMemoryBytesMax: 128 * mebi,
});

// Whatever HOST says: it asks nobody for a password.
server.listen(Number(port), '127.0.0.1');
server.on('error', (error) => {
  console.error(`clickhouse: ${error.message}`);
  process.exit(1);
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    close();
    rmSync(spoolMemoryDir, { recursive: true, force: true });
    process.exit(0);
  });
}
