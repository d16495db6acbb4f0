/**
 * The same command at low priority: what nobody waits for leaves the processor to orders. Each step of `niceness` is worth
 * about a fifth of the share: at 5 a third of a busy processor is left to the command, at 10 a tenth. Linux
 * shares the processor among sessions first, and each of our processes has its own, so the session is lowered too where
 * the kernel groups by sessions.
 */
export const inBackground = (
  command: readonly [string, ...string[]],
  niceness = 10,
): [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `{ echo ${niceness} >/proc/self/autogroup; } 2>/dev/null; exec nice -n ${niceness} "$@"`,
  'sh',
  ...command,
];
