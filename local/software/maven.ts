import { spawn } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#platform/errors';
import { projectPath } from '#platform/project';
import { runToEnd } from '../engines/run-to-end.js';
import { cached, type InstallContext } from './cache.js';
import { readManifest, verify } from './checksums.js';
import { findMaven } from './programs.js';

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1';

export type ArtifactSet = {
  /** Name of its folder in the cache; changes with the version. */
  folder: string;
  /** The Maven goal that copies it, and the folder of its downloads in Maven's own repository. */
  goal: readonly string[];
  repositoryPath: string;
  unpack?: string;
};

export const artifactSets = {
  kafka: {
    folder: 'kafka-4.1.0',
    goal: [
      `${plugin}:copy-dependencies`,
      '-f',
      projectPath('local/engines/pom.xml'),
      '-DincludeScope=runtime',
    ],
    repositoryPath: 'org/apache/kafka',
  },
  'schema-registry': {
    folder: 'schema-registry-2.6.13.Final',
    goal: [`${plugin}:copy`, '-Dartifact=io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all'],
    repositoryPath: 'io/apicurio/apicurio-registry-app/2.6.13.Final',
    unpack: 'apicurio-registry-app-2.6.13.Final-all.tar.gz',
  },
  zipkin: {
    folder: 'zipkin-3.5.1',
    goal: [`${plugin}:copy`, '-Dartifact=io.zipkin:zipkin-server:3.5.1:jar:exec'],
    repositoryPath: 'io/zipkin/zipkin-server/3.5.1',
  },
} as const satisfies Record<string, ArtifactSet>;

export type ArtifactSetName = keyof typeof artifactSets;

const attemptsMax = 4;

/** The folder of an artifact set, downloaded by Maven, checked and unpacked if it is not in the cache yet. */
export const installFromMaven = (name: ArtifactSetName, context: InstallContext): Promise<string> => {
  const set: ArtifactSet = artifactSets[name];
  return cached(set.folder, context, async (dir, detail) => {
    await download(name, dir, detail, context);
    if (set.unpack === undefined) return;
    detail('unpacks');
    await runToEnd(['tar', '-xzf', join(dir, set.unpack), '-C', dir]);
    rmSync(join(dir, set.unpack));
  });
};

/**
 * Maven resumes an interrupted download, and this retries a few times with a growing wait. A file with a wrong checksum
 * is deleted from Maven's own repository too, because Maven would copy it again otherwise.
 */
const download = async (
  name: ArtifactSetName,
  dir: string,
  detail: (text: string) => void,
  context: InstallContext,
): Promise<void> => {
  const set: ArtifactSet = artifactSets[name];
  const expected = readManifest()[name] ?? {};
  const mvn = await findMaven(context);
  for (let attempt = 1; ; attempt++) {
    try {
      await copyByMaven(mvn, set, dir, attempt, totalOf(expected), detail, context.signal);
      detail('checks the checksums');
      await verify(dir, expected);
      return;
    } catch (error) {
      if (context.signal.aborted) throw error;
      for (const file of readdirSync(dir)) rmSync(join(dir, file), { recursive: true });
      const why = messageOf(error);
      if (/checksum|bytes instead/.test(why)) {
        rmSync(join(localRepository(context.env), set.repositoryPath), { recursive: true, force: true });
      }
      const hopeless = /is needed/.test(why) || (attempt === 2 && /does not answer/.test(why));
      if (attempt === attemptsMax || hopeless) {
        throw new Error(`${name} could not be downloaded: ${why}`);
      }
      detail(`failed (${why.slice(0, 120)}), tries again`);
      await sleep(1_000 * 2 ** attempt, undefined, { signal: context.signal });
    }
  }
};

const totalOf = (expected: Readonly<Record<string, { bytes: number }>>): number =>
  Object.values(expected).reduce((sum, { bytes }) => sum + bytes, 0);

const localRepository = (env: NodeJS.ProcessEnv): string =>
  env.MAVEN_REPO_LOCAL || join(homedir(), '.m2', 'repository');

export const copyByMaven = (
  mvn: string,
  set: ArtifactSet,
  dir: string,
  attempt: number,
  bytesTotal: number,
  detail: (text: string) => void,
  signal: AbortSignal,
): Promise<void> => {
  // Maven caches a failure for a day without this option.
  const again = attempt > 1 ? ['-U'] : [];
  const args = ['-B', ...again, ...set.goal, `-DoutputDirectory=${dir}`, '-Dmdep.useBaseVersion=true'];
  return new Promise((resolve, reject) => {
    const child = spawn(mvn, args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
    const startedAtMs = Date.now();
    let lastError = '';
    const poll = setInterval(() => {
      const bytes = freshBytes(join(localRepository(process.env), set.repositoryPath), startedAtMs);
      const mebibytes = (n: number): string => `${Math.round(n / 1024 / 1024)}`;
      if (bytes > 0) detail(`${mebibytes(Math.min(bytes, bytesTotal))} of ${mebibytes(bytesTotal)} MB`);
    }, 500);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (/ERROR/.test(line) && lastError === '') lastError = line.replace(/.*ERROR\S*\s*/, '');
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(poll);
      if (code === 0) resolve();
      else reject(new Error(offline(lastError) ?? (lastError.slice(0, 300) || `Maven ended with ${code}`)));
    });
  });
};

const networkFailure =
  /Unknown host|Connection refused|Connect to|Network is unreachable|No route to host|Temporary failure|timed out/i;

const offline = (error: string): string | undefined =>
  networkFailure.test(error) ? 'the network does not answer' : undefined;

/** The bytes downloaded since `sinceMs`, including Maven's temporary files. */
const freshBytes = (dir: string, sinceMs: number): number => {
  try {
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .map((name) => statSync(join(dir, name)))
      .filter((stat) => stat.isFile() && stat.mtimeMs >= sinceMs)
      .reduce((sum, stat) => sum + stat.size, 0);
  } catch {
    return 0;
  }
};
