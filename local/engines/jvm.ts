/** Options of all JVMs on a small machine: a quick start, little memory, and an exit when memory runs out. */
export const jvmFlags = (options: { heapStartMb: number; heapMostMb: number }): string[] => {
  return [
    `-Xms${options.heapStartMb}m`,
    `-Xmx${options.heapMostMb}m`,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xshare:auto',
    '-Xss512k',
    '-XX:ReservedCodeCacheSize=48m',
    '-XX:+ExitOnOutOfMemoryError',
    // The counters that nobody reads are sampled 20 times a second.
    '-XX:-UsePerfData',
    '-Djava.awt.headless=true',
  ];
};

/**
 * glibc keeps an arena a thread; two are enough and save tens of megabytes. Under any other locale a JVM cannot name a
 * file that has a letter outside of ASCII in its path.
 */
export const jvmEnv = { MALLOC_ARENA_MAX: '2', LC_ALL: 'C.UTF-8' } as const;
