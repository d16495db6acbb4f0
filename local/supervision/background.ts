/**
 * The same command at low priority: what nobody waits for leaves the processor to the first orders after a start. Linux
 * shares the processor among sessions first, and each of our processes has its own, so the session is lowered too where
 * the kernel groups by sessions.
 */
export const inBackground = (command: readonly [string, ...string[]]): [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `{ echo ${niceness} >/proc/self/autogroup; } 2>/dev/null; exec nice -n ${niceness} "$@"`,
  'sh',
  ...command,
];

const niceness = 10;
