/**
 * True for an address that a message may be sent to: https, with a public host's name. The notification service calls
 * what is accepted here, so an address of the own network must not be.
 */
export const isPushEndpoint = (address: string): boolean => {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, username, password, port } = new URL(address);
  const labels = hostname.replace(/\.$/, '').split('.');
  const last = labels.at(-1) ?? '';
  return (
    protocol === 'https:' &&
    username === '' &&
    password === '' &&
    port === '' &&
    labels.length >= 2 &&
    /^[a-z][a-z0-9-]*$/.test(last) &&
    !innerNames.includes(last)
  );
};

/** Names that end with these are resolved within a network. */
const innerNames = [
  'localhost',
  'local',
  'internal',
  'lan',
  'home',
  'corp',
  'intranet',
  'arpa',
  'test',
  'invalid',
];
