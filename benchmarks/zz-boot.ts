import { spawn } from 'node:child_process';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { projectPath } from '#platform/project';
import { engines } from '#platform/testing/engines';
import { scratchClickHouse } from '#platform/testing/scratch-clickhouse';
import { sleep } from '#platform/waiting/sleep';
const urls = engines();
const scratch = await scratchClickHouse('http://127.0.0.1:18912/');
const boot = async (waitMs: number) => {
  const t0 = performance.now();
  const child = spawn(process.execPath, [projectPath('dist/stream-jobs/clickhouse-ingest/main.js')], { stdio: ['ignore','pipe','inherit'], env: { ...process.env, ...kafkaEnv(urls.kafka), SCHEMA_REGISTRY_URL: urls.schemaRegistryUrl, CLICKHOUSE_URL: scratch.url, CLICKHOUSE_INGEST_PORT: '0', CLICKHOUSE_INGEST_GROUP: `zz-${process.pid}`, LOG_LEVEL: 'debug', ZIPKIN_URL: '' } });
  let first = 0; let n = 0;
  child.stdout.on('data', (d) => { for (const l of String(d).split('\n')) { const ms = performance.now() - t0; n++; if (n < 60 && !/block inserted/.test(l)) console.log(ms.toFixed(0), l.slice(0, 170)); if (/block inserted/.test(l) && !first) { first = ms; console.log('first block', ms.toFixed(0)); } } });
  await sleep(waitMs); child.kill('SIGKILL'); const c = await new Promise((r) => child.once('exit', r)); console.log('killed', c);
};
await boot(15_000); await boot(12_000); 
await scratch.drop(); process.exit(0);
