import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where the programs of the engines lie. Filled in by `installSoftware`. */
export type Software = {
  java: string;
  kafkaLibs: string;
  registryHome: string;
  zipkinJar: string;
  redisServer: string;
  postgresBin: string;
  prometheus: string | undefined;
};

export const cacheDir = (env: NodeJS.ProcessEnv): string =>
  env.CARTSTREAM_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cartstream');

export function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env.PATH ?? '')
    .split(delimiter)
    .map((dir) => join(dir, program))
    .find((file) => existsSync(file));
}

/** Debian keeps PostgreSQL's programs off the PATH, a folder a version; the newest wins. */
export function debianPostgresBin(): string | undefined {
  const base = '/usr/lib/postgresql';
  if (!existsSync(base)) return undefined;
  return readdirSync(base)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(base, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb')));
}

export async function findSoftware(env: NodeJS.ProcessEnv): Promise<Software> {
  const engines = join(cacheDir(env), 'engines');
  return {
    java: onPath('java', env) ?? 'java',
    kafkaLibs: join(engines, 'kafka-4.1.0'),
    registryHome: join(engines, 'schema-registry-2.6.13.Final'),
    zipkinJar: join(engines, 'zipkin-3.5.1', 'zipkin.jar'),
    redisServer: onPath('redis-server', env) ?? 'redis-server',
    postgresBin: debianPostgresBin() ?? '',
    prometheus: onPath('prometheus', env),
  };
}
