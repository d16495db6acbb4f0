import { join } from 'node:path';
import type { ClientEngine } from '../engines/engine.js';
import type { Progress } from '../progress.js';
import { cacheDir } from './cache.js';
import { type ClassArchives, installClassArchives } from './class-archives.js';
import { installFromMaven } from './maven.js';
import { findJava, findPostgresBin, findPrometheus, findRedisServer } from './programs.js';

/** The paths of the engines' programs; empty for an engine that is not needed. */
export type Software = {
  java: string;
  classArchives: ClassArchives;
  kafkaLibs: string;
  registryHome: string;
  zipkinJar: string;
  redisServer: string;
  postgresBin: string;
  prometheus: string | undefined;
};

/** Finds the programs of the `needed` engines, and installs those that are missing. */
export const installSoftware = async (
  needed: ReadonlySet<ClientEngine>,
  options: { env: NodeJS.ProcessEnv; dataDir: string; progress: Progress; signal: AbortSignal },
): Promise<Software> => {
  const { env, dataDir, progress, signal } = options;
  const wants = (...names: ClientEngine[]): boolean => names.some((name) => needed.has(name));
  const context = { cache: cacheDir(env), env, progress, signal };

  const java = wants('kafka', 'schema-registry', 'zipkin') ? await findJava(context) : undefined;
  const kafkaLibs = wants('kafka') ? await installFromMaven('kafka', context) : '';
  const registryHome = wants('schema-registry') ? await installFromMaven('schema-registry', context) : '';
  const zipkinHome = wants('zipkin') ? await installFromMaven('zipkin', context) : '';
  const program = java?.program ?? '';
  const classArchives = await installClassArchives(
    { java: program, javaVersion: java?.version ?? '', kafkaLibs, registryHome },
    context,
  );
  return {
    java: program,
    classArchives,
    kafkaLibs,
    registryHome,
    zipkinJar: join(zipkinHome, 'zipkin-server-3.5.1-exec.jar'),
    redisServer: wants('redis') ? await findRedisServer(context) : '',
    postgresBin: wants('postgres') ? await findPostgresBin(join(dataDir, 'postgres'), context) : '',
    prometheus: findPrometheus(env),
  };
};
